"""The parts of the simulated services: what `stripe_api`, `hubspot_api` and `slack_api` are made of.

Belongs here: request parsing, ordering, rendering and refusing, as the services document it.
Does not belong here: the company itself (`pipeline.sandbox.company`) or its life.
"""
