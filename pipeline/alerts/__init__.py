"""Alerts: when expansion declines, and what is said about it.

Belongs here: pure functions. `rules` (what is watched), `observations` (what the figures say), `machine` (what state a
rule is in), `evaluate` (all of them together), `messages` (what people read). `delivery` alone touches the database and
Slack. Source of the rules: docs/alerts.md.
"""

from pipeline.alerts.evaluate import Evaluation, Known, evaluate
from pipeline.alerts.intents import Finding, Intent
from pipeline.alerts.members import Run
from pipeline.alerts.messages import Message, compose
from pipeline.alerts.rules import DEFAULT_RULES, active_rules
from pipeline.alerts.story import Background, Story, story

__all__ = [
    "DEFAULT_RULES",
    "Background",
    "Evaluation",
    "Finding",
    "Intent",
    "Known",
    "Message",
    "Run",
    "Story",
    "active_rules",
    "compose",
    "evaluate",
    "story",
]
