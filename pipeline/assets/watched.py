"""Who answers for the assets, and how old they may become.

Belongs here: owners, freshness policies, and the sensor that looks after the current month. Dagster's own policies
know assets and not their months: computing an old month again would make a monthly asset fresh. So those have a check
of the current month's partition, which a sensor evaluates. Nothing is watched where the schedule does not run, as
in the demo.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from pipeline.months import Calendar, key_of
from pipeline.settings import Settings

TEAM = "team:"
LATE = timedelta(hours=3)
"""How long a night may take, and be late."""
SINCE = datetime(2024, 1, 1, tzinfo=UTC)
NIGHTS = 10
"""Nights that are looked at for the longest time between two: a week-end is among them."""
LOOKS = 600
"""Seconds between two looks at the current month."""
MONTHLY = "warehouse"
"""The last of the monthly assets: it has a month when all the others have it."""
CURRENT = dg.AssetCheckSpec(
    "current_month_fresh",
    asset=MONTHLY,
    description="The current month was computed and published in the last night.",
)


def watched(
    assets: Sequence[dg.AssetsDefinition], settings: Settings
) -> Sequence[dg.AssetsDefinition]:
    """The assets with their owner; those without months with a freshness policy, too."""
    owners = [owner(settings)]
    longest = longest_age(settings)

    def looked_after(spec: dg.AssetSpec) -> dg.AssetSpec:
        mine = spec.replace_attributes(owners=owners)
        if longest is None or spec.partitions_def is not None:
            return mine
        return mine.replace_attributes(freshness_policy=dg.FreshnessPolicy.time_window(longest))

    return [each.map_asset_specs(looked_after) for each in assets]


def owner(settings: Settings) -> str:
    """The team that is told when a run fails: that of `slack.operations_channel`."""
    return TEAM + settings.config.slack.operations_channel.removeprefix("#")


def longest_age(settings: Settings) -> timedelta | None:
    """How old something may become that every night makes anew.

    Null where the schedule does not run, or the clock is set by hand.
    """
    if not settings.config.schedule.running or settings.pinned_now is not None:
        return None
    return between_nights(settings)


def between_nights(settings: Settings) -> timedelta:
    """The longest time between two nights of `schedule.nightly`, whoever starts them, and what one may be late."""
    nights = dg.TimeWindowPartitionsDefinition(
        start=SINCE,
        fmt="%Y-%m-%dT%H:%M",
        cron_schedule=settings.config.schedule.nightly,
        timezone=settings.config.company.timezone,
    )
    gaps, at = [], SINCE
    for _ in range(NIGHTS):
        window = nights.get_next_partition_window(at, respect_bounds=False)
        if window is None:
            break
        gaps.append(window.end - window.start)
        at = window.end
    return max(gaps) + LATE


@dataclass(frozen=True, slots=True)
class Seen:
    """The current month as Dagster knows it.

    Attributes:
        month: its key.
        at: when it was last published; null: never.
        fresh: whether that is recent enough.
    """

    month: str
    at: datetime | None
    fresh: bool

    @property
    def said(self) -> str:
        """A sentence for the operator."""
        if self.fresh:
            return f"{self.month} was published in the last night."
        last = (
            f"was last published {self.at:%Y-%m-%d %H:%M} UTC" if self.at else "was never published"
        )
        return (
            f"The current month, {self.month}, {last}. Look at the last run of sync and of months; "
            f"start sync with the tag expansion/purpose=nightly, or type: expansion run"
        )


def seen(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> Seen:
    """The current month's partition, looked up in Dagster's records; a month that just began has time to be made.

    Args:
        instance: where the records are.
        settings: whose months.
        now: the clock, which is also that of Dagster's records.
    """
    calendar = Calendar(now=settings.now(), timezone=settings.config.company.timezone)
    key = key_of(calendar.current)
    wanted = dg.AssetRecordsFilter(dg.AssetKey(MONTHLY), asset_partitions=[key])
    found = instance.fetch_materializations(wanted, limit=1).records
    at = datetime.fromtimestamp(found[0].timestamp, UTC) if found else None
    longest = longest_age(settings)
    since = at or calendar.start(calendar.current)
    return Seen(key, at, longest is None or now - since <= longest)


def result(
    context: dg.AssetExecutionContext, settings: Settings, months: Sequence[date]
) -> dg.AssetCheckResult:
    """The check as the step says it that publishes `months`: a backfill of others makes nothing fresh."""
    current = Calendar(now=settings.now(), timezone=settings.config.company.timezone).current
    if current in months:
        found = Seen(key_of(current), datetime.now(UTC), fresh=True)
    else:
        found = seen(context.instance, settings, datetime.now(UTC))
    return dg.AssetCheckResult(
        asset_key=MONTHLY, check_name=CURRENT.name, passed=found.fresh, description=found.said
    )


def current_month(settings: Settings) -> dg.SensorDefinition:
    """The sensor `current_month`: evaluates the check of the current month, without a run."""

    @dg.sensor(
        name="current_month",
        minimum_interval_seconds=LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING
        if settings.config.schedule.running
        else dg.DefaultSensorStatus.STOPPED,
        description="Looks whether the current month was published in the last night: warehouse, current_month_fresh.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        found = seen(context.instance, settings, datetime.now(UTC))
        told = f"{found.month} {found.at} {found.fresh}"
        if told == context.cursor:
            return dg.SkipReason(found.said)
        evaluation = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(MONTHLY),
            check_name=CURRENT.name,
            passed=found.fresh,
            description=found.said,
        )
        return dg.SensorResult(asset_events=[evaluation], cursor=told)

    return sensor
