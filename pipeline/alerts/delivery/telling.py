"""The messages of a night, made of what was published.

Belongs here: reading what messages tell, within the transaction of the evaluation, so that they say what it judged.
What they say is in `pipeline.alerts.messages`.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import polars as pl
from sqlalchemy import Connection, select

from pipeline import schemas
from pipeline.alerts.corrections import HEADLINES, corrections, note_key
from pipeline.alerts.delivery.frames import read
from pipeline.alerts.evaluate import Evaluation
from pipeline.alerts.intents import Finding, Intent
from pipeline.alerts.members import Known
from pipeline.alerts.messages import Letterhead, Message, compose, monthly, restatement
from pipeline.alerts.monthly import YEAR, newly_judged, told
from pipeline.alerts.story import BEFORE, Background, Story, story
from pipeline.config import Dimensions
from pipeline.database import table_of
from pipeline.months import add_months

RECENT = timedelta(days=14)
"""A restatement older than this is no news."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Where rules speak, and how.

    Attributes:
        channel: Slack channel of rules without one of their own, and of notes on restated months.
        operations: channel of what is wrong with the figures.
        digests: channels that get the monthly digest.
        storm: more fired rules than this at once become one digest.
        bound: a closed month's headline that moves by more than this share of itself is told.
        head: what messages know beside the figures.
        dimensions: what figures are broken down by.
    """

    head: Letterhead
    channel: str = "#revenue"
    operations: str = "#data-ops"
    digests: tuple[str, ...] = ()
    storm: int = 5
    bound: float = 0.01
    dimensions: Dimensions = field(default_factory=Dimensions)


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that may go into the outbox.

    Attributes:
        key: unique on what it says.
        kind: as in the outbox.
        channel: Slack channel.
        message: what it says.
        intent: what was to be said; null where no rule asked for it.
        restated: month and version of the restatements that it tells.
    """

    key: str
    kind: str
    channel: str
    message: Message
    intent: Intent | None = None
    restated: tuple[tuple[str, int], ...] = ()

    @property
    def payload(self) -> dict[str, Any]:
        """As it is kept until it is sent."""
        episodes = self.intent.episodes if self.intent else ()
        return self.message.payload() | {
            "episodes": list(episodes),
            "restated": [list(each) for each in self.restated],
        }


def drafts(
    connection: Connection, found: Evaluation, known: Known, closed: date | None, voice: Voice
) -> list[Draft]:
    """Everything that a night has to say.

    Args:
        connection: the evaluation's transaction.
        found: the evaluation.
        known: what was known before it.
        closed: the latest closed month that is published.
        voice: where rules speak, and how.
    """
    said = [*_alerts(connection, new(connection, found.intents), voice)]
    if voice.digests and closed is not None and newly_judged(known.states, found.states, closed):
        said += _digests(connection, found, known, closed, voice)
    return said + _notes(connection, voice)


def new(connection: Connection, intents: Sequence[Intent]) -> list[Intent]:
    """The intents that are not in the outbox yet."""
    stored = _stored(connection, [intent.key for intent in intents])
    return [intent for intent in intents if intent.key not in stored]


def _stored(connection: Connection, keys: Sequence[str]) -> set[str]:
    outbox = table_of(schemas.SLACK_OUTBOX)
    return set(connection.execute(select(outbox.c.key).where(outbox.c.key.in_(keys))).scalars())


def _alerts(connection: Connection, intents: Sequence[Intent], voice: Voice) -> list[Draft]:
    if not intents:
        return []
    findings = [finding for intent in intents for finding in intent.findings]
    background = _background(connection, findings, voice.dimensions)

    def tell(finding: Finding) -> Story:
        return story(background, finding)

    shared = _shared(connection)
    return [
        Draft(each.key, each.kind, each.channel, _composed(each, tell, voice, shared), each)
        for each in intents
    ]


def _composed(
    intent: Intent, tell: Callable[[Finding], Story], voice: Voice, shared: set[str]
) -> Message:
    """The message; one that opened several episodes keeps what it says when one of them goes on or ends."""
    message = compose(intent, tell, voice.head)
    return replace(message, parent=None) if shared & set(intent.episodes) else message


def _shared(connection: Connection) -> set[str]:
    """The episodes that were opened together in one digest."""
    outbox = table_of(schemas.SLACK_OUTBOX)
    payloads = connection.execute(
        select(outbox.c.payload_json).where(
            outbox.c.kind == "digest", outbox.c.fingerprint.is_(None)
        )
    ).scalars()
    return {episode for payload in payloads for episode in json.loads(payload)["episodes"]}


def _background(
    connection: Connection, findings: Iterable[Finding], dimensions: Dimensions
) -> Background:
    spoken = {finding.month for finding in findings}
    months = {add_months(month, -back) for month in spoken for back in range(BEFORE + 1)}
    watched = {finding.rule.dimension for finding in findings} | {"total", *dimensions.account[:1]}
    metrics = table_of(schemas.EXPANSION_METRICS)
    types, movement = table_of(schemas.EXPANSION_BY_TYPE), table_of(schemas.MRR_MOVEMENT)
    return Background(
        metrics=read(
            connection,
            schemas.EXPANSION_METRICS,
            metrics.c.month.in_(months),
            metrics.c.dimension.in_(watched),
        ),
        by_type=read(
            connection,
            schemas.EXPANSION_BY_TYPE,
            types.c.month.in_(months),
            types.c.dimension.in_(watched),
        ),
        movement=read(connection, schemas.MRR_MOVEMENT, movement.c.month.in_(spoken)),
        account=read(connection, schemas.ACCOUNT),
        link=read(connection, schemas.ACCOUNT_LINK),
        dimensions=dimensions,
    )


def _digests(
    connection: Connection, found: Evaluation, known: Known, month: date, voice: Voice
) -> list[Draft]:
    """The monthly digest, once for each channel that wants it."""
    keys = {channel: f"monthly|{month:%Y-%m}|{channel}" for channel in voice.digests}
    stored = _stored(connection, list(keys.values()))
    wanted = {channel: key for channel, key in keys.items() if key not in stored}
    if not wanted:
        return []
    by = voice.dimensions.account[0] if voice.dimensions.account else "segment"
    metrics = table_of(schemas.EXPANSION_METRICS)
    types, movement = table_of(schemas.EXPANSION_BY_TYPE), table_of(schemas.MRR_MOVEMENT)
    changed = known.states.join(found.states, on="fingerprint", how="anti")
    content = told(
        month,
        metrics=read(
            connection,
            schemas.EXPANSION_METRICS,
            metrics.c.month.between(add_months(month, 1 - YEAR), month),
            metrics.c.dimension.in_(["total", by]),
        ),
        by_type=read(
            connection,
            schemas.EXPANSION_BY_TYPE,
            types.c.month == month,
            types.c.dimension == "total",
        ),
        movement=read(connection, schemas.MRR_MOVEMENT, movement.c.month == month),
        account=read(connection, schemas.ACCOUNT),
        states=pl.concat([changed, found.states]),
        by=by,
    )
    message = monthly(content, voice.head)
    return [Draft(key, "digest", channel, message) for channel, key in wanted.items()]


def _notes(connection: Connection, voice: Voice) -> list[Draft]:
    """One note on all closed months whose headlines moved since the last one."""
    table = table_of(schemas.RESTATEMENT)
    rows = read(
        connection,
        schemas.RESTATEMENT,
        table.c.dimension == "total",
        table.c.metric.in_(HEADLINES),
        table.c.at >= voice.head.at - RECENT,
    )
    if rows.is_empty():
        return []
    before = pl.DataFrame(
        _told_restatements(connection),
        schema={"month": pl.String, "version": pl.Int64},
        orient="row",
    ).select(pl.col("month").str.to_date("%Y-%m-%d"), "version")
    fresh = rows.join(before, on=["month", "version"], how="anti")
    found = corrections(fresh, voice.bound)
    if not found:
        return []
    months = {each.month for each in found}
    pairs = fresh.filter(pl.col("month").is_in(list(months))).select("month", "version").unique()
    restated = tuple((f"{month}", version) for month, version in sorted(pairs.iter_rows()))
    message = restatement(found, voice.head)
    return [Draft(note_key(found), "restated", voice.channel, message, restated=restated)]


def _told_restatements(connection: Connection) -> list[tuple[str, int]]:
    """Month and version of the restatements that a note told."""
    outbox = table_of(schemas.SLACK_OUTBOX)
    payloads = connection.execute(
        select(outbox.c.payload_json).where(
            outbox.c.kind == "restated", outbox.c.fingerprint.is_(None)
        )
    ).scalars()
    return [
        (str(month), int(version))
        for payload in payloads
        for month, version in json.loads(payload).get("restated", [])
    ]
