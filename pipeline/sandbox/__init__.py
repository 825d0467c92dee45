"""A simulated company behind real HTTP (Stripe, HubSpot, Slack) and the truth behind it.

Belongs here: everything that exists for the demo and the tests only. The pipeline proper never imports it.
"""
