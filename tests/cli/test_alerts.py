"""`alerts`: status, sample, silence, acknowledgement, replay, as a person types them over published figures."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest
from sqlalchemy import delete, insert, text, update

from pipeline.alerts import Letterhead
from pipeline.alerts.delivery import Voice, evaluate_and_store
from pipeline.cli.alerts.rules import in_force
from pipeline.database import engine, table_of, upgrade
from pipeline.months import Calendar
from pipeline.schemas import ALERT_EVALUATION, ALERT_STATE, DATA_QUALITY, EXPANSION_METRICS
from tests.alerts.alert_figures import JANUARY, metrics
from tests.cli.desk import CONFIG, Desk

RATES = (0.03, 0.031, 0.029, 0.03, 0.03, 0.01, 0.012, 0.03, 0.011)


@pytest.fixture
def watched(desk: Desk) -> Desk:
    """A desk whose warehouse holds nine closed months, judged night by night: the floor fires in the last."""
    (desk.folder / "pipeline.toml").write_text(f"{CONFIG}[alerting]\ndefaults = false\n")
    desk.environment["PIPELINE_NOW"] = "2026-10-05T06:00:00Z"
    (desk.folder / "data").mkdir()
    upgrade(desk.settings.warehouse_url)
    for month in range(1, len(RATES) + 1):
        night(desk, month)
    return desk


def night(desk: Desk, month: int, *others: pl.DataFrame) -> None:
    """Publish the months up to `month`, beside other figures, and judge them."""
    money = [column.name for column in EXPANSION_METRICS.columns if column.kind == "money"]
    frame = pl.concat([metrics(RATES[:month]), *others])
    rows = frame.with_columns(frame[name] / 1_000_000 for name in money).to_dicts()
    now = datetime(2026, month + 1, 5, tzinfo=UTC)
    made = engine(desk.settings.warehouse_url)
    with made.begin() as connection:
        connection.execute(table_of(EXPANSION_METRICS).delete())
        connection.execute(insert(table_of(EXPANSION_METRICS)), rows)
    evaluate_and_store(
        made,
        in_force(desk.settings),
        Calendar(now=now, first_month=JANUARY),
        f"run_{month}",
        now,
        notify=True,
        voice=Voice(Letterhead(f"run_{month}", now)),
    )
    made.dispose()


def told(desk: Desk, *words: str) -> dict:
    said = desk.types("alerts", *words, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def test_status_says_what_fires_and_which_messages_wait(watched: Desk) -> None:
    said = watched.types("alerts", "status")
    assert said.code == 0
    assert "1 rules and members watched (closed months up to 2026-09): 1 firing." in said.out
    row = next(line for line in said.out.splitlines() if line.startswith("expansion-floor"))
    assert row.split() == ["expansion-floor", "total", "firing", "2026-09", "1.10%", "2.00%", "-"]
    assert "Messages: 4 pending." in said.out
    found = told(watched, "status")
    assert [each["fingerprint"] for each in found["open"]] == ["expansion-floor|total|all"]
    assert found["messages"] == {"pending": 4}


def test_what_holds_every_rule_is_said_without_a_rule_that_tells_it(watched: Desk) -> None:
    assert told(watched, "status")["held"] == []
    row = {"run_id": "r", "check": "crm answered", "month": date(2026, 10, 1), "passed": False}
    row |= {"severity": "error", "figures": "{}", "examples": "[]"}
    made = engine(watched.settings.warehouse_url)
    with made.begin() as connection:
        connection.execute(insert(table_of(DATA_QUALITY)), [row])
    made.dispose()
    said = watched.types("alerts", "status").out
    assert "No rule is judged now. The check crm answered failed for October 2026" in said


def test_what_too_few_accounts_give_is_no_figure(watched: Desk) -> None:
    made = engine(watched.settings.warehouse_url)
    with made.begin() as connection:
        connection.execute(update(table_of(ALERT_STATE)).values(state="insufficient"))
    made.dispose()
    said = watched.types("alerts", "status", "--all").out
    row = next(line for line in said.splitlines() if line.startswith("expansion-floor"))
    assert row.split() == ["expansion-floor", "total", "insufficient", "2026-09", "-", "-", "-"]


def test_a_silence_is_shown_keeps_the_rule_quiet_and_can_be_ended(watched: Desk) -> None:
    said = watched.types(
        *(
            "alerts",
            "silence",
            "expansion-floor",
            "--until",
            "2026-10-31",
            "--reason",
            "price test",
        ),
        *("--by", "revops"),
    )
    assert (said.code, said.out) == (0, "expansion-floor is silent until the end of 2026-10-31.\n")
    shown = watched.types("alerts", "status").out
    assert "Silent: expansion-floor until the end of 2026-10-31, by revops: price test" in shown
    assert (
        watched.types("alerts", "unsilence", "expansion-floor").out
        == "1 silence of expansion-floor ended.\n"
    )
    assert told(watched, "status")["silences"] == []
    assert watched.types("alerts", "unsilence", "expansion-floor").code == 2


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("nothing", "--until", "2026-10-31"), 'There is no alert rule "nothing"'),
        (("expansion-floor", "--until", "31.10."), "'31.10.' is not a day"),
        (("expansion-floor", "--until", "2026-10-04"), "2026-10-04 is over"),
        (("expansion-floor", "--member", "smb", "--until", "2026-10-31"), "It watches all."),
    ],
)
def test_a_silence_that_cannot_be_is_refused(
    watched: Desk, words: tuple[str, ...], answer: str
) -> None:
    said = watched.types("alerts", "silence", "--reason", "r", *words)
    assert said.code == 2
    assert answer in said.err
    assert told(watched, "status")["silences"] == []


def test_who_takes_an_alert_on_is_not_reminded(watched: Desk) -> None:
    said = watched.types("alerts", "ack", "expansion-floor", "--by", "ann", "--reason", "on it")
    assert (said.code, said.out) == (0, "expansion-floor on all: no more reminders.\n")
    assert watched.types("alerts", "ack", "expansion-floor").code == 0, "twice is once"
    assert "firing, acknowledged" in watched.types("alerts", "status").out
    assert watched.types("alerts", "ack", "other").code == 2


def test_a_sample_reaches_the_channel(watched: Desk) -> None:
    before = watched.messages
    said = watched.types("alerts", "test")
    assert (said.code, said.out) == (0, "A sample was sent to #revenue.\n")
    assert watched.messages == before + 1
    shown = watched.types("alerts", "test", "--dry-run").out
    assert "This is a sample." in shown
    assert watched.messages == before + 1


def test_a_sample_that_slack_refuses_says_why(watched: Desk) -> None:
    watched.environment["SLACK_BOT_TOKEN"] = "xoxb-wrong"
    said = watched.types("alerts", "test")
    assert said.code == 3
    assert "was not sent: Slack said invalid_auth. Check SLACK_BOT_TOKEN." in said.err
    watched.environment["SLACK_BOT_TOKEN"] = ""
    assert "Slack is not connected." in watched.types("alerts", "test").err


def test_a_replay_says_when_the_rule_would_have_fired(watched: Desk) -> None:
    said = watched.types("alerts", "backtest", "--draws", "20")
    assert said.code == 0
    rows = [line.split()[:4] for line in said.out.splitlines() if "expansion-floor" in line]
    assert rows[:2] == [
        ["2026-06", "2026-08", "expansion-floor", "total"],
        ["2026-09", "still", "expansion-floor", "total"],
    ]
    found = told(watched, "backtest", "--draws", "20", "--rule", "expansion-floor")
    assert [each["fired"] for each in found["episodes"]] == ["2026-06", "2026-09"]
    assert 0 < found["rates"][0]["false_share"] < 1
    assert watched.types("alerts", "backtest", "--rule", "nothing").code == 2


def test_a_rule_without_a_past_is_not_replayed(watched: Desk) -> None:
    path = watched.folder / "pipeline.toml"
    path.write_text(path.read_text() + '[[alerts]]\nid = "pace"\nkind = "pacing"\n')
    said = watched.types("alerts", "backtest", "--rule", "pace")
    assert said.code == 2
    assert "pacing, which judges no closed month" in said.err


OWNERS = """
[[alerts]]
id = "owners"
kind = "floor"
threshold = 0.02
dimension = "owner"
[[alerts]]
id = "nobody"
kind = "floor"
threshold = 0.02
dimension = "owner"
member = "Nobody"
"""


def test_a_member_is_named_as_messages_name_it_and_a_rule_without_members_is_told(
    watched: Desk,
) -> None:
    path = watched.folder / "pipeline.toml"
    path.write_text(path.read_text() + OWNERS)
    night(watched, 9, metrics([0.01] * 9, dimension="owner", member="Ann *[/x]* :smile: Lee"))
    shown = watched.types("alerts", "status").out
    assert "owner Ann *[/x]* :smile: Lee" in shown
    assert (
        'nobody was never judged: it is newer than the last night, or no figures of owner "Nob'
        in shown
    )
    assert told(watched, "status")["not_judged"] == ["nobody"]
    whose = ("owners", "--member", "Ann [/x] :smile: Lee")
    until = ("--until", "2026-10-31", "--reason", "r")
    assert watched.types("alerts", "silence", *whose, *until).code == 0
    assert told(watched, "status")["silences"][0]["member"] == "Ann *[/x]* :smile: Lee"
    assert watched.types("alerts", "unsilence", *whose).code == 0
    assert watched.types("alerts", "ack", *whose).code == 0


PACING = """
[[alerts]]
id = "pace"
kind = "pacing"
[[alerts]]
id = "links"
kind = "data_quality"
member = "accounts revenue_liked"
"""


def pace(at: datetime, **figures: float | None) -> dict[str, object]:
    """What a night has found of October."""
    row = dict.fromkeys(ALERT_EVALUATION.names) | {"run_id": f"{at}", "month": date(2026, 10, 1)}
    return row | {"fingerprint": "pace|total|all", "breach": False, "at": at} | figures


def test_what_the_open_month_is_heading_for_is_shown(watched: Desk) -> None:
    path = watched.folder / "pipeline.toml"
    path.write_text(path.read_text() + PACING)
    rows = [
        pace(datetime(2026, 10, 19, 3, tzinfo=UTC), observed=900),
        pace(
            datetime(2026, 10, 20, 3, tzinfo=UTC),
            observed=1_200,
            baseline=4_000,
            threshold=3_100,
            effect=-0.225,
        ),
    ]
    made = engine(watched.settings.warehouse_url)
    with made.begin() as connection:
        connection.execute(insert(table_of(ALERT_EVALUATION)), rows)
    said = watched.types("alerts", "status").out
    heading = (
        "pace, total: 2026-10 has $1,200 so far, heading for $3,100 where $4,000 is usual (-22%)."
    )
    assert heading in said
    assert "so far; there is" not in said, "the latest night alone is told"
    assert 'links watches no check: none that is named "accounts revenue_liked" has run.' in said
    with made.begin() as connection:
        connection.execute(delete(table_of(ALERT_EVALUATION)).where(text("baseline = 4000")))
    made.dispose()
    assert "2026-10 has $900 so far; there is too little" in watched.types("alerts", "status").out


def test_before_the_first_night_there_is_nothing(desk: Desk) -> None:
    assert desk.types("db", "upgrade").code == 0
    assert "No night has judged a rule yet" in desk.types("alerts", "status").out
    assert "No closed month is published yet" in desk.types("alerts", "backtest").out
