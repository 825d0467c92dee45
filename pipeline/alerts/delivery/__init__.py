"""Alerts leave the house: what is concluded is stored, and messages reach Slack.

Belongs here: the database and Slack, and nothing that decides. State, event and message are written in ONE transaction,
unique on the message's key; sending is a later step that may be repeated.
"""

from pipeline.alerts.delivery.outbox import Delivered, deliver
from pipeline.alerts.delivery.reporting import report
from pipeline.alerts.delivery.slack import SlackConfig
from pipeline.alerts.delivery.store import Stored, evaluate_and_store
from pipeline.alerts.delivery.telling import Voice
from pipeline.alerts.delivery.undelivered import Undelivered, undelivered

__all__ = [
    "Delivered",
    "SlackConfig",
    "Stored",
    "Undelivered",
    "Voice",
    "deliver",
    "evaluate_and_store",
    "report",
    "undelivered",
]
