"""Whether each connected CRM answered: a check that fails loudly and stops nothing.

Belongs here: what became of each CRM in one sync, as a check, as metadata and in `data_quality`. Does not belong here:
reading one, or what its records mean.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from sqlalchemy import insert, select

from pipeline.assets import checked
from pipeline.assets.place import Place
from pipeline.database import reading, table_of
from pipeline.errors import SourceDown, SourceError
from pipeline.lake.landing import SyncResult
from pipeline.schemas import DATA_QUALITY
from pipeline.sources import ConnectedCrm

ANSWERED = dg.AssetCheckSpec(
    "crm_answered",
    asset="crm_records",
    description="Every connected CRM could be read; of one that could not, the records stay as they were last.",
)
NOTICES = "crm_records fields_there"
"""The row of `data_quality` with what CRMs do not have or do not show."""
FAILED = "failed"
"""Metadata of `crm_records`: CRM -> why it could not be read."""


@dataclass
class Asked:
    """What became of the CRMs of one sync.

    Attributes:
        found: what all that answered brought; null where none did.
        reasons: CRM for people -> why it could not be read.
        down: those of the reasons that may be none some minutes later.
        counts: CRM -> records listed, stored and rejected.
    """

    found: SyncResult | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    down: list[SourceDown] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def answered(self, crm: ConnectedCrm, found: SyncResult) -> None:
        """A CRM was read to its end."""
        self.counts[crm.name] = {
            name: sum(getattr(each, name) for each in found.counts)
            for name in ("listed", "stored", "rejected")
        }
        self.found = found if self.found is None else self.found.followed_by(found)

    def failed(self, crm: ConnectedCrm, error: SourceError) -> None:
        """A CRM could not be read; nothing of this sync's is shown of it."""
        self.reasons[crm.title] = str(error)
        if isinstance(error, SourceDown):
            self.down.append(error)

    @property
    def metadata(self) -> dict[str, Any]:
        """What Dagster is told of each CRM."""
        told: dict[str, Any] = {
            name: dg.MetadataValue.json(counts) for name, counts in self.counts.items()
        }
        return {
            **told,
            "connected": bool(self.counts or self.reasons),
            FAILED: dg.MetadataValue.json(self.reasons),
            "notices": dg.MetadataValue.json(self.notices),
        }

    @property
    def notices(self) -> list[str]:
        """What CRMs do not have or do not show, each once."""
        return list(dict.fromkeys(self.found.notices)) if self.found else []

    def new_notices(self, place: Place) -> list[str]:
        """Those of `notices` that no night has noted: what stays so is not said every night."""
        table = table_of(DATA_QUALITY)
        with reading(place.engine) as connection:
            noted = connection.scalars(select(table.c.examples).where(table.c.check == NOTICES))
            known = {each for examples in noted for each in json.loads(examples)}
        return [each for each in self.notices if each not in known]

    def noted(self, place: Place, run_id: str) -> dg.AssetCheckResult:
        """The check's result; kept in `data_quality`, and so is what CRMs do not show."""
        told = [f"{title}: {reason}" for title, reason in self.reasons.items()]
        result = dg.AssetCheckResult(
            asset_key=ANSWERED.asset_key,
            check_name=ANSWERED.name,
            passed=not told,
            severity=dg.AssetCheckSeverity.ERROR,
            description=" ".join(told) or None,
            metadata=self.metadata,
        )
        row = checked.noted(result, run_id, place.calendar().current, self.counts, told)
        with place.engine.begin() as connection:
            connection.execute(insert(table_of(DATA_QUALITY)), [row, *self._not_shown(row)])
        return result

    def _not_shown(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """A row like `row` with the notices; none where there are none."""
        if not self.notices:
            return []
        found = {
            "check": NOTICES,
            "passed": False,
            "severity": "warning",
            "figures": json.dumps({"notices": len(self.notices)}),
            "examples": json.dumps(self.notices),
        }
        return [{**row, **found}]


def unread(reasons: dict[str, str]) -> SourceError | None:
    """The sentence for who typed the command; null where every CRM answered."""
    if not reasons:
        return None
    told = " ".join(f"{title} could not be read: {reason}" for title, reason in reasons.items())
    return SourceError(f"{told} Everything else was done, with what was known of it last.")
