"""The week's list of accounts that expand next, to the owners who want it.

Belongs here: who is told, and when: in the first nightly run of a week, each owner once. A backfill tells nobody.
"""

from zoneinfo import ZoneInfo

import dagster as dg
from sqlalchemy import Connection

from pipeline.alerts.delivery.reporting import report
from pipeline.alerts.messages.weekly import Candidate, Weekly, weekly
from pipeline.assets.alerts import NIGHTLY, PURPOSE, letterhead, slack
from pipeline.assets.place import Place
from pipeline.database import reading
from pipeline.months import key_of
from pipeline.publish import ready_words
from pipeline.publish.ready import newest, ready

FIRST = 8
"""Accounts that a list names."""


def weekly_assets() -> list[dg.AssetsDefinition]:
    """`readiness_list`."""

    @dg.asset(group_name="readiness", deps=["slack_delivery"], kinds={"slack"}, pool="publish")
    def readiness_list(
        context: dg.AssetExecutionContext, place: dg.ResourceParam[Place]
    ) -> dg.MaterializeResult[None]:
        """The accounts that expand next, to each owner of `readiness.slack`, once a week."""
        nightly = context.run.tags.get(PURPOSE) == NIGHTLY
        told = tell(place, context.run.run_id) if nightly else 0
        return dg.MaterializeResult(metadata={"nightly": nightly, "lists": told})

    return [readiness_list]


def tell(place: Place, run_id: str) -> int:
    """How many owners were told now; those who have the week's list already are not told again."""
    settings = place.settings
    owners = settings.config.readiness.slack
    if not owners:
        return 0
    with reading(place.engine) as connection:
        lists = {owner: _list(connection, owner) for owner in owners}
    now = settings.now()
    year, week, _ = now.astimezone(ZoneInfo(settings.config.company.timezone)).isocalendar()
    told = [
        report(
            place.engine, slack(settings), f"ready|{year}-W{week:02}|{owner}",
            settings.config.slack.channel, weekly(found, letterhead(settings, run_id)), now,
            kind="digest",
        )
        for owner, found in lists.items()
        if found is not None
    ]  # fmt: skip
    return sum(told)


def _list(connection: Connection, owner: str) -> Weekly | None:
    """An owner's list; null where nothing is scored or no account of it is ready."""
    month = newest(connection)
    listed = None if month is None else ready(connection, month, FIRST, owner)
    if listed is None or not listed.accounts:
        return None
    return Weekly(
        owner=owner,
        month=key_of(listed.month),
        accounts=tuple(
            Candidate(each.name, ready_words.motion(each.motion), each.reasons)
            for each in listed.accounts
        ),
        trusted=ready_words.trusted(listed),
    )
