"""The environment: what wins, what is absolute, and that secrets stay secret."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.settings import Settings


def test_an_empty_environment_gives_the_embedded_defaults(tmp_path: Path) -> None:
    settings = Settings.load({}, tmp_path)
    assert settings.data_dir == tmp_path / "data"
    assert settings.dagster_home == tmp_path / ".dagster"
    assert settings.warehouse_url == f"sqlite:///{tmp_path}/data/warehouse.db"
    assert settings.stripe_api_key is None
    assert abs((datetime.now(UTC) - settings.now()).total_seconds()) < 60


def test_a_tilde_is_the_home_folder_also_in_dotenv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "our.toml").touch()
    monkeypatch.setenv("HOME", str(home))
    (tmp_path / ".env").write_text("DATA_DIR=~/lake\nPIPELINE_CONFIG=~/our.toml\n")
    environ = {"WAREHOUSE_URL": "sqlite:///~/warehouse.db", "HTTPS_PROXY": "http://proxy:8080"}
    settings = Settings.load(environ, tmp_path)
    assert settings.data_dir == home / "lake"
    assert settings.config_path == home / "our.toml"
    assert settings.warehouse_url == f"sqlite:///{home}/warehouse.db"


def test_the_environment_wins_over_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STRIPE_API_KEY=rk_test_file\nSTRIPE_ACCOUNT=acct_file\n")
    settings = Settings.load(
        {"STRIPE_API_KEY": "rk_test_environment", "STRIPE_ACCOUNT": ""}, tmp_path
    )
    assert settings.stripe_api_key is not None
    assert settings.stripe_api_key.get_secret_value() == "rk_test_environment"
    assert settings.stripe_account == "acct_file"


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    secrets = {
        name: f"hidden-{name}"
        for name in (
            "STRIPE_API_KEY",
            "HUBSPOT_SERVICE_KEY",
            "SALESFORCE_CLIENT_ID",
            "SALESFORCE_CLIENT_SECRET",
            "SLACK_BOT_TOKEN",
        )
    } | {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/hidden"}
    settings = Settings.load(
        {**secrets, "WAREHOUSE_URL": "postgresql://me:hidden-password@db/expansion"}, tmp_path
    )
    assert "hidden" not in f"{settings!r} {settings}"
    assert settings.warehouse_url == "postgresql://me:hidden-password@db/expansion"


def test_the_clock_can_be_pinned(tmp_path: Path) -> None:
    pinned = Settings.load({"PIPELINE_NOW": "2026-11-01T07:00:00+01:00"}, tmp_path).now()
    assert pinned == datetime(2026, 11, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "environ",
    [
        {"PIPELINE_NOW": "yesterday"},
        {"WAREHOUSE_URL": "warehouse.db"},
        {"STRIPE_API_BASE": "localhost:12111"},
        {"STRIPE_API_BASE": "http://[::1"},
        {"HUBSPOT_API_BASE": "http://127.0.0.1:99999"},
        {"STRIPE_ACCOUNT": "acct_1\nX-Else: 1"},
        {"WAREHOUSE_URL": "sqlite://"},
        {"WAREHOUSE_URL": "sqlite:///:memory:"},
        {"WAREHOUSE_URL": "sqlite:///file:data/warehouse.db?uri=true"},
        {"ALL_PROXY": "socks5://proxy:1080"},
        {"https_proxy": "SOCKS5h://proxy:1080"},
        {"PIPELINE_CONFIG": "absent.toml"},
    ],
    ids=lambda environ: next(iter(environ)),
)
def test_an_impossible_variable_is_named(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(environ))):
        Settings.load(environ, tmp_path)


def test_a_home_folder_of_nobody_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="~nosuchuser/x begins with a home folder"):
        Settings.load({"DATA_DIR": "~nosuchuser/x"}, tmp_path)


def test_dotenv_is_utf_8_with_or_without_a_mark(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes("\ufeffSTRIPE_ACCOUNT=acct_1\n".encode())
    assert Settings.load({}, tmp_path).stripe_account == "acct_1"
    dotenv.write_bytes("# Schlüssel\nSTRIPE_API_KEY=rk_hidden\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"\.env is not UTF-8 at byte 7\.") as told:
        Settings.load({}, tmp_path)
    assert "hidden" not in str(told.value)


def _with(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "pipeline.toml").write_text(text)
    return Settings.load({"PIPELINE_NOW": "2026-10-31T23:30:00Z"}, tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[company]\nfirst_month = "2026-11"\n',
            ("line 2: company.first_month: ", 'not begun; write "2026-10" or'),
        ),
        (
            '[company]\ntimezone = "Asia/Tokyo"\nfirst_month = "2030-01"\n',
            ("line 3: company.first_month: ", 'write "2026-11" or'),
        ),
        (
            '[schedule]\nrunning = true\nnightly = "99 3 * * *"\n',
            ("line 3: schedule.nightly: ", "five cron fields"),
        ),
        ('schedule = {nightly = "0 3 31 2 *"}\n', ("line 1: schedule.nightly: ", "no such time")),
    ],
    ids=["first month", "in its time zone", "minute", "31 February"],
)
def test_what_the_file_alone_cannot_tell_is_named_with_its_line(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError) as told:
        _with(tmp_path, text)
    for word in ("pipeline.toml, ", *words):
        assert word in str(told.value)


def test_the_current_month_and_any_time_that_there_is_are_possible(tmp_path: Path) -> None:
    config = _with(
        tmp_path, '[company]\nfirst_month = "2026-10"\n[schedule]\nnightly = "30 2 * * mon-fri"\n'
    ).config
    assert config.company.first_month == date(2026, 10, 1)
    assert config.schedule.nightly == "30 2 * * mon-fri"


def test_a_blank_secret_is_none_and_a_webhook_that_is_no_address_is_not_said(
    tmp_path: Path,
) -> None:
    assert Settings.load({"SLACK_BOT_TOKEN": " \n"}, tmp_path).slack_bot_token is None
    with pytest.raises(ConfigError, match="SLACK_WEBHOOK_URL is no address") as told:
        Settings.load({"SLACK_WEBHOOK_URL": "hooks.slack.com/services/T0/B0/hidden"}, tmp_path)
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLACK_BOT_TOKEN", "xoxb-hidden\nX-Else: 1"),
        ("HUBSPOT_SERVICE_KEY", "pat-hidden-日"),
        ("STRIPE_API_BASE", "http://me:hidden@127.0.0.1:1"),
        ("WAREHOUSE_URL", "postgresql://me:wo@rd:hidden/x@127.0.0.1:1/x"),
    ],
)
def test_what_no_request_can_carry_is_refused_without_saying_it(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(ConfigError, match=name) as told:
        Settings.load({name: value}, tmp_path)
    assert "hidden" not in str(told.value)


def test_a_bucket_is_the_lake_and_all_else_stays_here(tmp_path: Path) -> None:
    settings = Settings.load({"DATA_DIR": "s3://ours/prefix/"}, tmp_path)
    assert settings.lake_root == "s3://ours/prefix/lake"
    assert settings.data_dir == tmp_path / "data"


@pytest.mark.parametrize("address", ["ftp://ours/x", "s3://", "s3://key:secret@ours/x"])
def test_an_address_that_is_no_bucket_is_refused_without_saying_it(
    tmp_path: Path, address: str
) -> None:
    with pytest.raises(ConfigError, match="s3://bucket/prefix") as told:
        Settings.load({"DATA_DIR": address}, tmp_path)
    assert "secret@" not in str(told.value)
