"""`init`: writes `pipeline.toml` and `.env` by asking.

Belongs here: the questions; the configuration says whether an answer is possible, and what is not is asked again.
Secrets go into `.env` alone, readable by the user only.
"""

import os
from collections.abc import Callable
from pathlib import Path

import click
from pydantic import ValidationError

from pipeline.cli import here
from pipeline.config import Company, Slack, load_config
from pipeline.config.section import Section
from pipeline.errors import ConfigError, SourceError
from pipeline.sources.salesforce.source import my_domain

CONFIG = """\
# What the figures mean. Every key is optional: docs/configuration.md
[company]
name = {name}
reporting_currency = {currency}
timezone = {timezone}

[slack]
channel = {channel}

# To be told when the expansion rate of a month is under a number of yours (docs/alerts.md):
# [[alerts]]
# id = "expansion-floor"
# kind = "floor"
# threshold = 0.02
"""
FILES = """
[crm.files]
{lines}
# [crm.files.account_columns]   # our name = their column, where they differ: docs/configuration.md
"""
READ_ONLY = 0o600


@click.command()
@click.option("--force", is_flag=True, help="Replace pipeline.toml and .env.")
def init(force: bool) -> None:
    """Write pipeline.toml and .env by asking."""
    config, env = Path("pipeline.toml"), Path(".env")
    for path in (config, env):
        if path.exists() and not force:
            raise ConfigError(
                f"{path} exists already. Edit it, or type: expansion init --force (which replaces it)."
            )
    answers = {
        "name": _asked("Company", Company, "name"),
        "currency": _asked("Reporting currency", Company, "reporting_currency"),
        "timezone": _asked("Time zone in which months end", Company, "timezone"),
    }
    click.echo(
        "\nStripe: a restricted key with the permission Read for Customers, Products, Prices, Coupons,\n"
        "Promotion codes, Subscriptions, Invoices, Credit notes and Events:\n"
        "https://dashboard.stripe.com/apikeys/create"
    )
    secrets = {"STRIPE_API_KEY": _secret("Stripe key")}
    if not secrets["STRIPE_API_KEY"]:
        click.echo("Note: `expansion doctor` and `run` fail until STRIPE_API_KEY is set in .env.")
    click.echo("\nOptional: leave empty what you do not use.")
    secrets["HUBSPOT_SERVICE_KEY"] = _secret("HubSpot service key")
    secrets |= _salesforce()
    files = _files()
    secrets["SLACK_BOT_TOKEN"] = _secret(
        "Slack bot token (scopes chat:write, channels:history, channels:read, files:write)"
    )
    answers["channel"] = _asked("Slack channel", Slack, "channel", _channel)
    text = CONFIG.format(**{key: _quoted(value) for key, value in answers.items()})
    _write(config, text + files)
    try:
        load_config(config)
    except ConfigError:
        config.unlink()
        raise
    _write(env, "".join(f"{key}={value}\n" for key, value in secrets.items()))
    env.chmod(READ_ONLY)
    program = here.typed()
    click.echo(f"\nWrote pipeline.toml and .env. Type next: {program} doctor, then: {program} run")


def _asked(
    question: str, section: type[Section], key: str, reading: Callable[[str], str] = str.strip
) -> str:
    """An answer that is possible for a key of the configuration, as the key keeps it."""

    def possible(answer: str) -> str:
        try:
            return str(getattr(section.model_validate({key: reading(answer)}), key))
        except ValidationError as error:
            (wrong,) = error.errors(include_url=False)
            raise click.UsageError(str(wrong.get("ctx", {}).get("error", wrong["msg"]))) from None

    default = section.model_fields[key].default
    return str(click.prompt(question, default=default, value_proc=possible))


def _salesforce() -> dict[str, str]:
    question = "Salesforce My Domain, as acme.my (docs/salesforce.md)"
    domain = str(click.prompt(question, default="", show_default=False, value_proc=_domain))
    if not domain:
        return {}
    return {
        "SALESFORCE_DOMAIN": domain,
        "SALESFORCE_CLIENT_ID": _secret("Salesforce consumer key"),
        "SALESFORCE_CLIENT_SECRET": _secret("Salesforce consumer secret"),
    }


def _domain(answer: str) -> str:
    try:
        return my_domain(answer) if answer.strip() else ""
    except SourceError as error:
        raise click.UsageError(str(error)) from None


def _files() -> str:
    """The section of `pipeline.toml` for exports of a CRM; empty where there are none."""
    told = {
        key: str(click.prompt(f"{what}, CSV or Parquet", default="", show_default=False)).strip()
        for key, what in (
            ("accounts", "Any other CRM, or a spreadsheet: the file of accounts"),
            ("deals", "The file of deals"),
        )
    }
    for path in told.values():
        if path and not Path(path).is_file():
            click.echo(
                f"Note: {path} does not exist yet; `expansion doctor` reads it as a sync would."
            )
    lines = [f"{key} = {_quoted(path)}" for key, path in told.items() if path]
    return FILES.format(lines="\n".join(lines)) if lines else ""


def _channel(answer: str) -> str:
    """A channel's id as it is, a name with its `#`."""
    told = answer.strip()
    return told if told.startswith("#") or told.isupper() else f"#{told}"


def _secret(question: str) -> str:
    return str(click.prompt(question, default="", show_default=False, hide_input=True)).strip()


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, READ_ONLY)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
