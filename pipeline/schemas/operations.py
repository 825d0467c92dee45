"""Syncs, checks, restatements and alerts."""

import polars as pl

from pipeline.schemas.table import Column, Table, count, instant, month_column, text


def _all(columns: tuple[Column, ...]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)


_EVALUATION = (
    text("run_id", "The run that evaluated.", key=True),
    text("fingerprint", "rule|dimension|member.", key=True),
    month_column(),
    Column("observed", pl.Float64, "The figure."),
    Column("baseline", pl.Float64, "What it is compared with."),
    Column("threshold", pl.Float64, "The rule's threshold."),
    count(
        "n",
        "Sample size: accounts at the opening end; of kinds that count over three months, their sum.",
    ),
    count("k", "Expanding accounts; over three months as n."),
    Column("effect", pl.Float64, "Size of the deviation, relative to the baseline."),
    Column("p", pl.Float64, "Probability that it is chance; null where no test is made."),
    Column("breach", pl.Boolean, "The rule's condition holds."),
    text(
        "guard",
        "Why nothing is concluded: insufficient_data, no_data, suppressed; null when it is.",
    ),
    text("rule_hash", "Hash of the rule as configured."),
    count("data_version", "Version of the month that was read."),
    instant("at", "When it was evaluated."),
)
ALERT_EVALUATION = Table(
    name="alert_evaluation",
    grain="one row per run, rule and member, and month",
    key=("run_id", "fingerprint", "month"),
    columns=_EVALUATION,
    published=_all(_EVALUATION),
)

_STATE = (
    text("fingerprint", "rule|dimension|member.", key=True),
    text("rule_id", "The rule."),
    text("dimension", "The dimension it watches."),
    text("member", "The member."),
    text("state", "ok, pending, firing, recovering, insufficient, no_data or suppressed."),
    Column("since_month", pl.Date, "First month of the state.", kind="month"),
    text("episode_id", "The episode while pending, firing or recovering."),
    Column("last_month", pl.Date, "Last closed month that was evaluated.", kind="month"),
    text("severity", "Severity."),
    text(
        "slack_channel",
        "Channel of the episode's parent message: its name, and once it is there its id.",
    ),
    text("slack_ts", "Timestamp of the episode's parent message."),
    text("rule_hash", "Hash of the rule as configured."),
    instant("updated_at", "When the row changed."),
)
ALERT_STATE = Table(
    name="alert_state",
    grain="one row per rule and member",
    key=("fingerprint",),
    columns=_STATE,
    published=_all(_STATE),
)

_EVENT = (
    text("event_id", "Id of the transition.", key=True),
    text("episode_id", "The episode."),
    text("fingerprint", "rule|dimension|member."),
    text("from_state", "State before."),
    text("to_state", "State after; acknowledged: somebody has taken the episode on."),
    month_column("The month that caused it."),
    text("reason", "Why, for people."),
    instant("at", "When."),
)
ALERT_EVENT = Table(
    name="alert_event",
    grain="one row per transition of a rule and member",
    key=("event_id",),
    columns=_EVENT,
    published=_all(_EVENT),
)

_SILENCE = (
    text("silence_id", "Id of the silence.", key=True),
    text("rule_id", "The rule."),
    text("member", "The member; null for all."),
    text("reason", "Why."),
    text("created_by", "Who."),
    instant("created_at", "When it was made."),
    instant("until", "When it ends."),
)
SILENCE = Table(
    name="silence",
    grain="one row per silence",
    key=("silence_id",),
    columns=_SILENCE,
    published=_all(_SILENCE),
)

_OUTBOX = (
    text("key", "Unique on rule and member, period and data version.", key=True),
    text("episode_id", "The episode."),
    text("fingerprint", "rule|dimension|member."),
    text("kind", "fired, reminder, escalated, resolved, restated, digest or operations."),
    text("channel", "Slack channel."),
    Column("payload_json", pl.String, "The message.", kind="json"),
    text("status", "pending, sending, sent, unknown, dead or no_destination."),
    count("attempts", "Attempts so far."),
    instant("next_at", "Not before."),
    text("last_error", "What Slack said."),
    text("slack_ts", "Timestamp of the message."),
    instant("created_at", "When it was decided."),
    instant("sent_at", "When it was delivered."),
    text("slack_channel", "Id of the channel that it is in."),
    text("chart", "Its chart's way into the thread: pending, sending, sent or failed; null: none."),
)
SLACK_OUTBOX = Table(
    name="slack_outbox",
    grain="one row per message to send",
    key=("key",),
    columns=_OUTBOX,
    published=_all(_OUTBOX),
)

_RESTATEMENT = (
    month_column("The closed month that changed."),
    count("version", "The month's version from then on."),
    text("dimension", "total, or the name of a dimension.", key=True),
    text("member", "all, or the member.", key=True),
    text("metric", "The figure that changed.", key=True),
    Column("old", pl.Float64, "Figure before, major units or share."),
    Column("new", pl.Float64, "Figure after."),
    text(
        "cause",
        "evidence, link, or code: another version of the program, or another setting of your own, as [exclude].",
    ),
    text(
        "evidence",
        "Ids of what brought it, the latest first: records (a sync, where only a list shows it), accounts whose "
        "dimension changed, or customers whose link did; null for a rate and for code.",
    ),
    instant("at", "When it was published."),
)
RESTATEMENT = Table(
    name="restatement",
    grain="one row per version of a closed month, member and metric",
    key=("month", "version", "dimension", "member", "metric"),
    columns=_RESTATEMENT,
    published=_all(_RESTATEMENT),
)

_SYNC = (
    text("source", "stripe, hubspot, salesforce or file.", key=True),
    text("source_account", "The account in the source; empty for the key's own.", key=True),
    text("stream", "The stream.", key=True),
    Column("cursor", pl.String, "Where the next sync goes on, as JSON.", kind="json"),
    count("listed", "Objects listed by the last sync."),
    count("stored", "Objects with new content stored by the last sync."),
    count("rejected", "Objects that could not be read, kept aside."),
    instant("started_at", "Start of the last sync."),
    instant("finished_at", "End of the last complete sync."),
    text("sync_id", "The last complete sync."),
)
SOURCE_SYNC = Table(
    name="source_sync",
    grain="one row per source, account and stream",
    key=("source", "source_account", "stream"),
    columns=_SYNC,
    published=_all(_SYNC),
)

_QUALITY = (
    text("run_id", "The run.", key=True),
    text("check", "The check.", key=True),
    month_column("The month, or the current one for checks of a sync."),
    Column("passed", pl.Boolean, "It holds."),
    text("severity", "error, warning or info."),
    Column("figures", pl.String, "The figures behind it, as JSON.", kind="json"),
    Column("examples", pl.String, "Ids to look at, as JSON.", kind="json"),
    instant(
        "at",
        "When it was noted, by the machine's clock; null for rows of versions that did not say it.",
    ),
)
DATA_QUALITY = Table(
    name="data_quality",
    grain="one row per run, check and month",
    key=("run_id", "check", "month"),
    columns=_QUALITY,
    published=_all(_QUALITY),
)
