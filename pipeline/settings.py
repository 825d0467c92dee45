"""The environment: secrets, addresses, folders and the clock, read once and passed on as one object.

Belongs here: every environment variable of the contract. Nothing else in the package reads the environment. What the
figures mean is configuration (`pipeline.config`).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from pipeline.config import Config, Schedule, load_config, refused
from pipeline.errors import ConfigError
from pipeline.months import Calendar, key_of

Environ = Mapping[str, str | None]
BUCKETS = ("s3", "gs", "az")
"""How the address of a bucket begins."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between two installations. Secrets show as `**********`."""

    config: Config
    config_path: Path
    data_dir: Path
    """The folder of report and warehouse; of the lake, too, unless `lake_url` says otherwise."""
    dagster_home: Path
    warehouse_url: str = field(repr=False)
    """SQLAlchemy URL; of SQLite with an absolute path. May hold a password."""
    lake_url: str | None = None
    """`DATA_DIR`, where it is the address of a bucket: `s3://bucket/prefix`."""
    ray_address: str | None = None
    """`RAY_ADDRESS`: the Ray cluster that computes shares of accounts; none: this machine."""
    pinned_now: datetime | None = None
    """`PIPELINE_NOW`: the instant that stands in for the clock."""
    stripe_api_key: SecretStr | None = None
    stripe_api_base: str | None = None
    stripe_account: str | None = None
    hubspot_service_key: SecretStr | None = None
    hubspot_api_base: str | None = None
    salesforce_domain: str | None = None
    salesforce_client_id: SecretStr | None = None
    salesforce_client_secret: SecretStr | None = None
    salesforce_api_base: str | None = None
    slack_bot_token: SecretStr | None = None
    slack_webhook_url: SecretStr | None = None
    slack_api_base: str | None = None

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> "Settings":
        """The settings of this process.

        Args:
            environ: in place of the process's environment.
            cwd: in place of the working directory; relative paths and `.env` are looked up here. A variable of the
                environment wins over the same one in `.env`; an empty one counts as not set.

        Raises:
            ConfigError: a variable or `pipeline.toml` says something impossible.
        """
        here = (cwd or Path.cwd()).resolve()
        given = dict(os.environ if environ is None else environ)
        _refuse_socks(given)
        merged = {
            **_dotenv(here / ".env"),
            **{name: value for name, value in given.items() if value},
        }
        config_path = _config_path(merged, here)
        bucket = _bucket(merged)
        settings = cls(
            config=load_config(config_path),
            config_path=config_path,
            data_dir=_under(here, (not bucket and merged.get("DATA_DIR")) or "data"),
            lake_url=bucket,
            dagster_home=_under(here, merged.get("DAGSTER_HOME") or ".dagster"),
            warehouse_url=_warehouse_url(merged, here),
            ray_address=merged.get("RAY_ADDRESS"),
            pinned_now=_instant(merged.get("PIPELINE_NOW")),
            stripe_api_key=_secret(merged, "STRIPE_API_KEY"),
            stripe_api_base=_base(merged, "STRIPE_API_BASE"),
            stripe_account=_sendable(merged, "STRIPE_ACCOUNT"),
            hubspot_service_key=_secret(merged, "HUBSPOT_SERVICE_KEY"),
            hubspot_api_base=_base(merged, "HUBSPOT_API_BASE"),
            salesforce_domain=merged.get("SALESFORCE_DOMAIN"),
            salesforce_client_id=_secret(merged, "SALESFORCE_CLIENT_ID"),
            salesforce_client_secret=_secret(merged, "SALESFORCE_CLIENT_SECRET"),
            salesforce_api_base=_base(merged, "SALESFORCE_API_BASE"),
            slack_bot_token=_secret(merged, "SLACK_BOT_TOKEN"),
            slack_webhook_url=_secret_address(merged, "SLACK_WEBHOOK_URL"),
            slack_api_base=_base(merged, "SLACK_API_BASE"),
        )
        settings._refuse_impossible()
        return settings

    def now(self) -> datetime:
        """The present in UTC: `PIPELINE_NOW`, else the clock."""
        return self.pinned_now or datetime.now(UTC)

    def _refuse_impossible(self) -> None:
        """Refuse what `pipeline.toml` alone cannot tell: a first month to come, nights that Dagster cannot plan."""
        company, nightly = self.config.company, self.config.schedule.nightly
        if company.first_month is not None:
            current = Calendar(now=self.now(), timezone=company.timezone).current
            if company.first_month > current:
                raise refused(
                    self.config_path,
                    ("company", "first_month"),
                    f'the month has not begun; write "{key_of(current)}" or one before it',
                )
        if nightly != Schedule().nightly and not _planned(nightly):
            raise refused(
                self.config_path,
                ("schedule", "nightly"),
                f'there is no such time; write five cron fields, for example "{Schedule().nightly}"',
            )

    @property
    def salesforce_connected(self) -> bool:
        """Whether something of Salesforce's credentials is set; a part of them is an error where it is read."""
        return bool(
            self.salesforce_domain or self.salesforce_client_id or self.salesforce_client_secret
        )

    @property
    def lake_root(self) -> Path | str:
        """The folder of the lake's objects, or their address in a bucket."""
        return f"{self.lake_url}/lake" if self.lake_url else self.data_dir / "lake"


def _planned(cron: str) -> bool:
    """Whether Dagster makes a schedule of it."""
    import dagster as dg  # noqa: PLC0415 - slow to load, and the default is known to be right

    try:
        dg.ScheduleDefinition("nightly", job_name="sync", cron_schedule=cron)
    except dg.DagsterInvalidDefinitionError:
        return False
    return True


def _dotenv(path: Path) -> dict[str, str]:
    try:
        values = (
            dotenv_values(path, interpolate=False, encoding="utf-8-sig") if path.is_file() else {}
        )
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not UTF-8 at byte {error.start + 1}. Save it as UTF-8."
        ) from None
    return {name: value for name, value in values.items() if value}


def _bucket(environ: Environ) -> str | None:
    """`DATA_DIR`, if it is the address of a bucket.

    Raises:
        ConfigError: it is no address without a password.
    """
    given = environ.get("DATA_DIR") or ""
    scheme, found, rest = given.partition("://")
    if not found:
        return None
    if scheme not in BUCKETS or not rest.strip("/") or any(sign in rest for sign in "@?#"):
        raise ConfigError(
            "DATA_DIR is no folder and no address such as s3://bucket/prefix (or gs://, az://). "
            "Credentials do not belong into it: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    return given.rstrip("/")


def _secret(environ: Environ, name: str) -> SecretStr | None:
    value = _sendable(environ, name)
    return SecretStr(value) if value else None


def _sendable(environ: Environ, name: str) -> str | None:
    """What goes into the head of a request.

    Raises:
        ConfigError: it cannot; what was given is not said.
    """
    value = (environ.get(name) or "").strip()
    if not (value.isascii() and value.isprintable()):
        raise ConfigError(
            f"{name} has a line break, or a character that no key has. Copy it anew, on one line."
        )
    return value or None


def _secret_address(environ: Environ, name: str) -> SecretStr | None:
    """An address that is a secret: an error does not say it."""
    value = _secret(environ, name)
    if value and not value.get_secret_value().startswith(("http://", "https://")):
        raise ConfigError(f"{name} is no address; write one that begins with https://.")
    return value


def _base(environ: Environ, name: str) -> str | None:
    value = environ.get(name)
    if not value:
        return None
    if not value.startswith(("http://", "https://")):
        raise ConfigError(
            f'{name} is "{value}"; write an address that begins with https:// or http://.'
        )
    try:
        parsed = urlsplit(value)
        usable = bool(parsed.hostname) and parsed.port != 0 and "@" not in parsed.netloc
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            f"{name} is no address. Write it as https://host or https://host:port, without a user or password."
        )
    return value.rstrip("/")


def _config_path(environ: Environ, here: Path) -> Path:
    named = environ.get("PIPELINE_CONFIG")
    path = _under(here, named or "pipeline.toml")
    if named and not path.is_file():
        raise ConfigError(
            f"PIPELINE_CONFIG names {path}, which does not exist. Create it, or unset the variable."
        )
    return path


def _instant(value: str | None) -> datetime | None:
    if not value:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise ConfigError(
            f'PIPELINE_NOW is "{value}"; write an ISO instant, for example 2026-11-01T06:00:00Z.'
        ) from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)


def _under(here: Path, path: str) -> Path:
    """The path, from `here` on unless it begins elsewhere: shells read `~` on a command line, nobody does in `.env`."""
    try:
        return here / Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(
            f"{path} begins with a home folder that there is none of. Write the whole path."
        ) from None


def _refuse_socks(environ: Environ) -> None:
    """Refuse a SOCKS proxy: none of the clients speaks it, and each would fail in its own words.

    Raises:
        ConfigError: one is set.
    """
    names = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")
    for name in (*names, *(each.lower() for each in names)):
        if (environ.get(name) or "").lower().startswith("socks"):
            raise ConfigError(
                f"{name} names a SOCKS proxy, which is not supported. Unset it for this command, or set HTTPS_PROXY to "
                f"an HTTP proxy."
            )


def _warehouse_url(environ: Environ, here: Path) -> str:
    value = environ.get("WAREHOUSE_URL") or "sqlite:///data/warehouse.db"
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ConfigError(
            "WAREHOUSE_URL is not a database address. Write sqlite:///data/warehouse.db or "
            "postgresql://user:password@host/database; in a password, @ is %40, : is %3A and / is %2F."
        ) from None
    if url.get_backend_name() == "sqlite":
        if url.database in {None, "", ":memory:"}:
            raise ConfigError(
                "WAREHOUSE_URL names no file: nothing would be kept. Write sqlite:///data/warehouse.db."
            )
        if str(url.database).startswith("file:"):
            raise ConfigError(
                "WAREHOUSE_URL has SQLite's own form of an address (file:). Write the path of the file: "
                "sqlite:///data/warehouse.db, or sqlite:////var/lib/warehouse.db."
            )
        url = url.set(database=str(_under(here, str(url.database))))
    return url.render_as_string(hide_password=False)
