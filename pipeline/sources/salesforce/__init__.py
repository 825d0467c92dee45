"""Salesforce: accounts, opportunities and their history, stages, users, contacts.

Belongs here: logging in, what is asked for, paging, refusals. Does not belong here: what a record means
(`pipeline.crm.salesforce`). Nothing is imported here: simple-salesforce takes a third of a second to load.
"""
