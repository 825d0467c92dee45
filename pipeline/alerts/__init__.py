"""Alerts: when expansion declines, and what is said about it.

Belongs here: pure functions. `rules` (what is watched), `kinds` (what the figures say to a rule), `machine` (what state
a rule is in), `conclude` and `speak` (what follows from it), `evaluate` (all of them together), `backtest` (the same
over the past), `messages` (what people read). `delivery` alone touches the database and Slack. Source of the rules:
docs/alerts.md.
"""

from pipeline.alerts.backtest import Backtest, backtest
from pipeline.alerts.evaluate import Evaluation, evaluate
from pipeline.alerts.intents import Finding, Intent
from pipeline.alerts.members import Known, Run
from pipeline.alerts.messages import Letterhead, Message, compose
from pipeline.alerts.observations import Beside
from pipeline.alerts.rules import DEFAULT_RULES, active_rules
from pipeline.alerts.story import Background, Story, story

__all__ = [
    "DEFAULT_RULES",
    "Background",
    "Backtest",
    "Beside",
    "Evaluation",
    "Finding",
    "Intent",
    "Known",
    "Letterhead",
    "Message",
    "Run",
    "Story",
    "active_rules",
    "backtest",
    "compose",
    "evaluate",
    "story",
]
