"""`alerts silence`, `unsilence` and `ack`: what people say to alerts.

Belongs here: the commands. What a silence and an acknowledgement do is in `pipeline.alerts`.
"""

import getpass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import click

from pipeline.alerts.delivery.hushing import Said, acknowledge, end_silences
from pipeline.alerts.delivery.hushing import silence as make_silence
from pipeline.assets.place import Place
from pipeline.cli.alerts.rules import named
from pipeline.errors import ConfigError
from pipeline.settings import Settings

member = click.option("--member", help="Only this member of the rule's dimension.")
by = click.option("--by", default=None, help="Who says so; default: the user of this computer.")


@click.command()
@click.argument("rule")
@member
@click.option("--until", required=True, help="The last day of the silence, as 2026-12-31.")
@click.option("--reason", required=True, help="Why, for those who wonder later.")
@by
def silence(rule: str, member: str | None, until: str, reason: str, by: str | None) -> None:
    """Silence RULE until the end of a day: its months are not judged and it says nothing."""
    settings = Settings.load()
    named(settings, rule)
    if not reason.strip():
        raise ConfigError("Say why, for those who wonder later: --reason 'price test'.")
    end = _end_of(until, settings)
    place = Place(settings)
    try:
        make_silence(place.engine, rule, member, end, _said(settings, by, reason))
    finally:
        place.close()
    whose = f" on {member}" if member else ""
    click.echo(f"{rule}{whose} is silent until the end of {until}.")


@click.command()
@click.argument("rule")
@member
def unsilence(rule: str, member: str | None) -> None:
    """End the silences of RULE now."""
    settings = Settings.load()
    place = Place(settings)
    try:
        ended = end_silences(place.engine, rule, member, settings.now())
    finally:
        place.close()
    if not ended:
        raise ConfigError(f'No silence of "{rule}" is in force. See: expansion alerts status')
    click.echo(f"{ended} silence{'' if ended == 1 else 's'} of {rule} ended.")


@click.command()
@click.argument("rule")
@member
@click.option("--reason", default="", help="What is done about it.")
@by
def ack(rule: str, member: str | None, reason: str, by: str | None) -> None:
    """Take the open alerts of RULE on: no more reminders until they end or get worse."""
    settings = Settings.load()
    place = Place(settings)
    try:
        members = acknowledge(place.engine, rule, member, _said(settings, by, reason))
    finally:
        place.close()
    click.echo(f"{rule} on {', '.join(members)}: no more reminders.")


def _said(settings: Settings, by: str | None, reason: str) -> Said:
    return Said(by or _user(), settings.now(), reason)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _end_of(day: str, settings: Settings) -> datetime:
    """The end of a day in the company's time zone.

    Raises:
        ConfigError: it is no day, or it is over.
    """
    try:
        last = date.fromisoformat(day)
        following = last + timedelta(days=1)
    except (ValueError, OverflowError):
        raise ConfigError(
            f"'{day}' is not a day. Write it as YYYY-MM-DD, for example 2026-12-31."
        ) from None
    zone = ZoneInfo(settings.config.company.timezone)
    end = datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)
    if end <= settings.now():
        raise ConfigError(f"{day} is over. Write a day from today on.")
    return end
