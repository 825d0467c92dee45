"""Nights one after another: what an evaluation leaves is what the next one knows."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from pipeline.alerts import Evaluation, Known, Run, evaluate
from pipeline.alerts.observations import Beside
from pipeline.config import AlertRule
from pipeline.schemas import ALERT_EVALUATION, ALERT_EVENT, ALERT_STATE, DATA_QUALITY, SILENCE
from tests.alerts.alert_figures import NOW

FLOOR = AlertRule(id="floor", kind="floor", threshold=0.02)
QUALITY = AlertRule(id="data-quality", kind="data_quality")
TWICE = FLOOR.model_copy(update={"periods": 2})


@dataclass
class Nights:
    """What is stored between the nights."""

    rules: tuple[AlertRule, ...] = (FLOOR,)
    states: pl.DataFrame = field(default_factory=ALERT_STATE.empty)
    evaluated: pl.DataFrame = field(default_factory=ALERT_EVALUATION.empty)
    events: pl.DataFrame = field(default_factory=ALERT_EVENT.empty)
    silences: pl.DataFrame = field(default_factory=SILENCE.empty)
    storm: int = 5
    count: int = 0
    acknowledged: frozenset[str] = frozenset()
    beside: Beside = field(default_factory=Beside)
    now: datetime = NOW

    def night(self, figures: pl.DataFrame, *, notify: bool = True) -> list[str]:
        """The kinds of messages of one night."""
        return [intent.kind for intent in self.run(figures, notify=notify).intents]

    def run(self, figures: pl.DataFrame, *, notify: bool = True) -> Evaluation:
        self.count += 1
        found = evaluate(
            figures,
            self.rules,
            Known(self.states, self.evaluated, self.silences, self.acknowledged),
            Run(f"run_{self.count}", self.now, notify, storm=self.storm),
            self.beside,
        )
        kept = self.states.join(found.states, on="fingerprint", how="anti")
        self.states = pl.concat([kept, found.states])
        self.evaluated = pl.concat([self.evaluated, found.evaluations])
        self.events = pl.concat([self.events, found.events])
        return found

    def next_day(self) -> None:
        """A night later."""
        self.now += timedelta(days=1)

    @property
    def state(self) -> str:
        (only,) = self.states["state"].to_list()
        return only


def checks(*failed: str, severity: str = "error") -> Beside:
    """Checks of the month, of which these failed."""
    rows = [
        dict.fromkeys(DATA_QUALITY.names)
        | {"run_id": "r", "check": name, "month": NOW.date().replace(day=1)}
        | {"passed": name not in failed, "severity": severity if name in failed else "info"}
        for name in {"crm answered", "rates there", *failed}
    ]
    return Beside(quality=pl.DataFrame(rows, schema=DATA_QUALITY.schema))
