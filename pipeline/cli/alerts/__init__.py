"""`alerts`: what the rules say, and what is said to them.

Belongs here: the group and its commands. What rules compute, and how messages reach Slack, is in `pipeline.alerts`.
"""

from pipeline.cli.alerts.group import alerts

__all__ = ["alerts"]
