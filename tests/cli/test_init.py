"""`expansion init` as a person answers it; what it writes is what the next command reads."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli.main import cli
from pipeline.settings import Settings

KEY = "rk_live_51Asked"


def _answers(
    accounts: str = "", deals: str = "", company: str = "Acme", channel: str = "#money"
) -> str:
    """As asked: company, currency, zone, Stripe, HubSpot, Salesforce, two files, Slack, channel."""
    return "\n".join(
        [company, "EUR", "Europe/Berlin", KEY, "", "", accounts, deals, "", channel, ""]
    )


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_is_answered_is_what_the_next_command_reads(tmp_path: Path) -> None:
    company = 'Acme "Nord" \\ Söhne'
    said = CliRunner().invoke(cli, ["init"], input=_answers(company=company))
    assert said.exit_code == 0, said.output
    assert KEY not in said.output
    settings = Settings.load({}, tmp_path)
    assert settings.config.company.name == company
    assert settings.config.company.reporting_currency == "eur"
    assert settings.config.slack.channel == "#money"
    assert settings.config.crm.files is None or settings.config.crm.files.accounts is None
    assert settings.stripe_api_key is not None
    assert settings.stripe_api_key.get_secret_value() == KEY
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert KEY not in (tmp_path / "pipeline.toml").read_text()


@pytest.mark.parametrize(
    ("answer", "kept"), [("money", "#money"), ("#money ", "#money"), ("C024BE91L", "C024BE91L")]
)
def test_a_channel_is_taken_by_its_name_or_id(tmp_path: Path, answer: str, kept: str) -> None:
    said = CliRunner().invoke(cli, ["init"], input=_answers(channel=answer))
    assert said.exit_code == 0, said.output
    assert Settings.load({}, tmp_path).config.slack.channel == kept


def test_what_is_not_possible_is_asked_again(tmp_path: Path) -> None:
    """Each question by the rule of its own key, so that no answer is lost at the end."""
    answers = ["Acme", "dollars", "usd", "Europe/Berlinn", "Europe/Berlin", KEY]
    answers += ["", "login", "", "", "", "", "#rev enue", "#money"]
    said = CliRunner().invoke(cli, ["init"], input="\n".join([*answers, ""]))
    assert said.exit_code == 0, said.output
    for why in (
        *("Error: write a three-letter currency code", "Error: write an IANA time zone"),
        *('Error: SALESFORCE_DOMAIN is "login"', "Error: write a Slack channel as"),
    ):
        assert said.output.count(why) == 1, said.output
    config = Settings.load({}, tmp_path).config
    assert (config.company.reporting_currency, config.company.timezone) == ("usd", "Europe/Berlin")
    assert config.slack.channel == "#money"


def test_without_a_stripe_key_it_says_what_fails(tmp_path: Path) -> None:
    without = CliRunner().invoke(cli, ["init"], input=_answers().replace(KEY, ""))
    assert without.exit_code == 0, without.output
    assert "fail until STRIPE_API_KEY is set in .env" in without.output
    assert Settings.load({}, tmp_path).stripe_api_key is None
    given = CliRunner().invoke(cli, ["init", "--force"], input=_answers())
    assert "fail until" not in given.output


def test_files_of_a_crm_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "accounts.csv").write_text("account_id,owner\na1,Ann\n")
    said = CliRunner().invoke(cli, ["init"], input=_answers("accounts.csv", "deals of 2026.csv"))
    assert said.exit_code == 0, said.output
    assert "Note: deals of 2026.csv does not exist yet" in said.output
    assert "Note: accounts.csv" not in said.output
    files = Settings.load({}, tmp_path).config.crm.files
    assert files is not None
    assert files.accounts == tmp_path / "accounts.csv"
    assert files.deals == tmp_path / "deals of 2026.csv"
