"""What a person can get wrong: one clear line that says what to do, an exit code, and nothing half-written."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import outside
from pipeline.sandbox.server import SandboxServer
from tests.cli.desk import CONFIG, Desk, Said

UNTOLD = "warning: operations were not told in Slack: "
"""Beside the line, where a night cannot even be told."""


def _one_line(said: Said, code: int, *words: str) -> None:
    lines = [line for line in said.err.strip().splitlines() if not line.startswith(UNTOLD)]
    assert said.code == code, said
    assert len(lines) == 1, said.err
    assert lines[0].startswith("expansion: ")
    for word in words:
        assert word in lines[0]
    assert said.out == ""


COMMANDS = [("run",), ("sync",)]
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_key(worked: Desk, command: tuple[str, ...]) -> None:
    before = worked.manifest
    del worked.environment["STRIPE_API_KEY"]
    _one_line(worked.types(*command), 3, "STRIPE_API_KEY is not set", ".env")
    assert worked.manifest == before


def test_no_key_in_an_empty_folder(desk: Desk) -> None:
    del desk.environment["STRIPE_API_KEY"]
    _one_line(desk.types("run"), 3, "STRIPE_API_KEY is not set", "restricted key")
    assert b"stripe." not in (desk.manifest or b"")


def test_a_wrong_key(worked: Desk) -> None:
    before = worked.manifest
    worked.environment["STRIPE_API_KEY"] = "sk_test_wrong"
    said = worked.types("run")
    _one_line(said, 3, "does not accept the key in STRIPE_API_KEY")
    assert "sk_test_wrong" not in said.err
    assert worked.manifest == before


def test_a_key_without_a_permission(worked: Desk, services: SandboxServer) -> None:
    before = worked.manifest
    lacking = frozenset({"rak_invoice_read"})
    with SandboxServer(services.company, missing_permissions=lacking) as strict:
        worked.environment |= strict.environment()
        _one_line(worked.types("run"), 3, "lacks the permission rak_invoice_read", "Grant it")
    assert worked.manifest == before


@pytest.mark.slow
def test_a_server_that_is_down(worked: Desk) -> None:
    before = worked.manifest
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        worked.environment["STRIPE_API_BASE"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
        _one_line(worked.types("sync"), 3, "does not answer", "Check the network")
    assert worked.manifest == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[company\n", ("pipeline.toml", "not valid TOML")),
        ('[company]\ntimezone = "Mars"\n', ("pipeline.toml, line 2", "IANA time zone")),
        ("[mrr]\ndiscount = 1\n", ("line 2", "no such key", "discounts")),
        ('[[alerts]]\nid = "x"\nkind = "floor"\n', ("needs a threshold",)),
        ('[schedule]\nnightly = "99 3 * * *"\n', ("line 2", "schedule.nightly")),
        ('[company]\nfirst_month = "2030-01"\n', ("line 2", "has not begun", "2026-11")),
    ],
)
@pytest.mark.parametrize(
    "command", [("run",), ("doctor",), ("backfill", "--from", "2026-10", "--to", "2026-10")]
)
def test_a_malformed_configuration(
    worked: Desk, command: tuple[str, ...], text: str, words: tuple[str, ...]
) -> None:
    before = worked.manifest
    (worked.folder / "pipeline.toml").write_text(text)
    _one_line(worked.types(*command), 2, *words)
    assert worked.manifest == before


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-13", "2026-10", ("'2026-13' is not a month", "YYYY-MM")),
        ("october", "2026-10", ("is not a month",)),
        ("2026-10", "2027-01", ("2027-01 is outside the history", "to 2026-11")),
        ("2019-01", "2026-10", ("2019-01 is outside the history",)),
        ("2026-10", "2026-09", ("later than", "Swap")),
    ],
)
def test_an_unknown_month(worked: Desk, first: str, last: str, words: tuple[str, ...]) -> None:
    before = worked.manifest
    _one_line(worked.types("backfill", "--from", first, "--to", last), 2, *words)
    assert worked.manifest == before


@pytest.mark.parametrize(
    "command", [("report",), ("ready",), ("restatements", "--json"), ("experiment", "create", "x")]
)
@pytest.mark.parametrize("month", ["2019-01", "2099-01"])
def test_a_month_that_no_run_can_compute(
    worked: Desk, command: tuple[str, ...], month: str
) -> None:
    said = worked.types(*command, "--month", month)
    _one_line(said, 2, f"{month} is outside the history", "to 2026-11")


@pytest.mark.parametrize(
    "command",
    [
        ("ready", "--first", "99999999999999999999"),
        ("experiment", "create", "x", "--first", "99999999999999999999"),
        ("demo", "--customers", "-5"),
        ("demo", "--months", "0"),
        ("demo", "--customers", "1", "--months", "99999"),
        ("sandbox", "serve", "--months", "0"),
    ],
)
def test_a_number_that_is_out_of_range(worked: Desk, command: tuple[str, ...]) -> None:
    said = worked.types(*command)
    assert (said.code, said.out) == (2, "")
    assert "is not in the range" in said.err


@pytest.mark.parametrize(
    "command",
    [
        ("export", "account", "--to", "none/account.csv"),
        ("export", "account", "--to", "none/account.parquet"),
        ("ready", "--to", "none/list.csv"),
        ("report", "--to", "pipeline.toml/none"),
    ],
)
def test_a_file_that_cannot_be_written_is_named(worked: Desk, command: tuple[str, ...]) -> None:
    said = worked.types(*command)
    _one_line(said, 1, f"{command[-1]} cannot be written: No", "with --to")
    assert "DATA_DIR" not in said.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_an_output_that_is_full(worked: Desk) -> None:
    with Path("/dev/full").open("wb") as full:
        said = subprocess.run(
            [sys.executable, "-m", "pipeline.cli.main", "export", "expansion_metrics"],
            cwd=worked.folder,
            env={**os.environ, **worked.environment, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert said.returncode == 1
    assert said.stderr.startswith("expansion: The output cannot be written: No space left")


def test_a_backfill_before_the_first_night(desk: Desk) -> None:
    said = desk.types("backfill", "--from", "2026-10", "--to", "2026-10")
    _one_line(said, 2, "no history yet", "expansion run")


def test_a_month_is_asked_for(desk: Desk) -> None:
    said = desk.types("backfill", "--to", "2026-10")
    assert said.code == 2
    assert "--from" in said.err


def test_an_alert_rule_on_what_is_no_figure(worked: Desk) -> None:
    rule = '[[alerts]]\nid = "mix"\nkind = "drop"\nmetric = "band"\n'
    (worked.folder / "pipeline.toml").write_text(CONFIG + rule)
    _one_line(worked.types("run"), 2, 'metric: "band" is no figure')
    _one_line(worked.types("doctor"), 2, 'metric: "band" is no figure')


def test_a_warehouse_that_is_no_database(worked: Desk) -> None:
    worked.environment["WAREHOUSE_URL"] = "nonsense"
    _one_line(worked.types("run"), 2, "WAREHOUSE_URL")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hush@127.0.0.1:1/figures",
        "postgresql://127.0.0.1:1/figures?user=me&password=hush",
        "postgresql://me:hush@127.0.0.1:1/figures?bogus=hush",
    ],
)
def test_a_warehouse_that_is_down(worked: Desk, address: str) -> None:
    worked.environment["WAREHOUSE_URL"] = address
    run = worked.types("run")
    _one_line(run, 1, "does not answer", "127.0.0.1:1/figures", "WAREHOUSE_URL")
    assert f"{UNTOLD}no run was going on." in run.err
    doctor = worked.types("doctor")
    assert doctor.code == 1
    assert "does not answer" in doctor.out
    assert "hush" not in run.err + doctor.out + doctor.err


def test_a_file_that_is_no_database(worked: Desk) -> None:
    (worked.folder / "notes.txt").write_text("no database\n" * 100)
    worked.environment["WAREHOUSE_URL"] = "sqlite:///notes.txt"
    _one_line(worked.types("run"), 1, "file is not a database", "notes.txt")


def test_a_file_of_the_lake_that_is_gone(worked: Desk) -> None:
    for each in (worked.folder / "data/lake/item_timeline").rglob("*.parquet"):
        each.unlink()
    said = worked.types("backfill", "--from", "2026-10", "--to", "2026-10")
    _one_line(said, 1, "data/lake", "is gone", "expansion doctor", "backup")


def test_a_bucket_that_polars_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "s3://ours/night")
    refused = OSError("object-store error: hush is no key of theirs (path: s3://ours/x.parquet)")
    told = str(outside.explained(refused))
    for words in ("s3://ours/night", "cannot be read", "credentials", "expansion doctor"):
        assert words in told
    assert "hush" not in told


def test_a_clock_before_the_history(worked: Desk) -> None:
    worked.environment["PIPELINE_NOW"] = "2001-01-01T00:00:00Z"
    _one_line(worked.types("run"), 2, "The clock says 2001-01", "PIPELINE_NOW")


def test_a_folder_whose_name_looks_like_a_pattern(desk: Desk) -> None:
    (desk.folder / "data").mkdir()
    desk.environment["DATA_DIR"] = "da[t]*a?"
    assert desk.types("run").code == 0
    assert desk.types("doctor").code == 0


def test_a_terminal_without_the_signs(worked: Desk) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", "doctor"],
        cwd=worked.folder,
        env={
            **os.environ,
            **worked.environment,
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "ascii",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "? Warehouse" in done.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATA_DIR", "file/data"),
        ("DAGSTER_HOME", "file/dagster"),
        ("WAREHOUSE_URL", "sqlite:///file/warehouse.db"),
    ],
)
def test_a_folder_that_cannot_be_made(desk: Desk, name: str, value: str) -> None:
    (desk.folder / "file").touch()
    desk.environment[name] = value
    _one_line(desk.types("run"), 1, str(desk.folder / "file"), name)
    doctor = desk.types("doctor")
    assert doctor.code == 1
    assert str(desk.folder / "file") in doctor.out


@pytest.mark.parametrize("now", ["0001-01-01T00:00:00+14:00", "9999-12-31T00:00:00Z"])
def test_a_present_that_is_out_of_range(worked: Desk, now: str) -> None:
    worked.environment["PIPELINE_NOW"] = now
    _one_line(worked.types("run"), 2, "PIPELINE_NOW is out of range")


def test_a_rate_that_is_missing(desk: Desk) -> None:
    (desk.folder / "pipeline.toml").write_text(CONFIG.replace("eur = 1.08", "gbp = 1.30"))
    _one_line(desk.types("run"), 3, "no exchange rate for eur", "[fx.rates]")


def test_a_file_of_first_payments_that_cannot_be_used(worked: Desk) -> None:
    (worked.folder / "pipeline.toml").write_text(f'{CONFIG}[mrr]\nfirst_paid_on = "paid.csv"\n')
    (worked.folder / "paid.csv").write_text("customer_id,date\ncus_a,31.01.2024\n")
    _one_line(worked.types("run"), 2, "paid.csv (mrr.first_paid_on)", "31.01.2024", "2024-01-31")
    (worked.folder / "paid.csv").write_text(f"customer_id,date\n{'a' * 200_000},2024-01-31\n")
    _one_line(worked.types("run"), 2, "paid.csv (mrr.first_paid_on)", "field larger than")


def test_init_replaces_nothing_unasked(desk: Desk) -> None:
    before = (desk.folder / "pipeline.toml").read_text()
    _one_line(desk.types("init"), 2, "exists already", "--force")
    assert (desk.folder / "pipeline.toml").read_text() == before
    assert not Path(desk.folder / ".env").exists()
