"""`pipeline.toml`: policy, dimensions, alert rules, targets, schedule.

Belongs here: the file's keys, their defaults and what is wrong with a value. `load_config` reads one file and nothing
else: no environment, no secrets (see `pipeline.settings`). The keys are part of the contract.
"""

from pipeline.config.alerts import AlertRule
from pipeline.config.benchmarks import Band, Benchmarks
from pipeline.config.crm_files import ACCOUNT_COLUMNS, DEAL_COLUMNS, CrmFiles
from pipeline.config.fx import Fx
from pipeline.config.load import load_config, refused
from pipeline.config.model import (
    Company,
    Config,
    Crm,
    Dimensions,
    Exclude,
    Publish,
    Schedule,
    SegmentBand,
    Stripe,
    Target,
)
from pipeline.config.policy import PRESETS, Mrr
from pipeline.config.readiness import Points, Program, Readiness
from pipeline.config.slack import Alerting, Slack

__all__ = [
    "ACCOUNT_COLUMNS",
    "DEAL_COLUMNS",
    "PRESETS",
    "AlertRule",
    "Alerting",
    "Band",
    "Benchmarks",
    "Company",
    "Config",
    "Crm",
    "CrmFiles",
    "Dimensions",
    "Exclude",
    "Fx",
    "Mrr",
    "Points",
    "Program",
    "Publish",
    "Readiness",
    "Schedule",
    "SegmentBand",
    "Slack",
    "Stripe",
    "Target",
    "load_config",
    "refused",
]
