"""The Salesforce source: every night lists everything that there is, deleted rows too.

Belongs here: which fields are asked for, and records within them. It needs no watermark and sees what was deleted.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.errors import SourceError
from pipeline.settings import Settings
from pipeline.sources.limits import Patience
from pipeline.sources.protocol import (
    Clock,
    Cursors,
    Drained,
    Extent,
    Json,
    Page,
    Record,
    Rejection,
    Resume,
    unix,
)
from pipeline.sources.salesforce.client import (
    SALESFORCE_API_VERSION,
    SUFFIX,
    Allowance,
    Client,
    NoField,
    NoObject,
)
from pipeline.sources.salesforce.fields import Fields, account_fields, of_salesforce
from pipeline.sources.salesforce.objects import ACCOUNT, OBJECTS, Object, query

COMMON = frozenset({"login", "test"})
"""Domains of everybody: client credentials work at My Domain alone."""


class SalesforceSource:
    """One Salesforce organisation.

    Args:
        domain: My Domain: `acme.my`, also with `.salesforce.com`.
        client_id: the external client app's consumer key.
        client_secret: its consumer secret.
        api_base: in place of `https://{domain}.salesforce.com`.
        fields: further fields of accounts, as the one that holds the Stripe id.
        keep_names: keep what names accounts, and e-mail addresses; without, contacts are not read at all.
        patience: how often a request is repeated.

    Raises:
        SourceError: something of domain, id and secret is missing, or the domain is not a My Domain.
    """

    name = "salesforce"
    account = ""
    settings = None

    def __init__(
        self,
        domain: str | None,
        client_id: str | None,
        client_secret: str | None,
        api_base: str | None = None,
        *,
        fields: Fields | None = None,
        keep_names: bool = True,
        patience: Patience | None = None,
    ) -> None:
        given = {
            "SALESFORCE_DOMAIN": domain,
            "SALESFORCE_CLIENT_ID": client_id,
            "SALESFORCE_CLIENT_SECRET": client_secret,
        }
        missing = [variable for variable, value in given.items() if not value]
        if missing or not (domain and client_id and client_secret):
            raise SourceError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set. Write the external client "
                f"app's credentials into .env (docs/salesforce.md)."
            )
        self.client = Client(
            my_domain(domain), client_id, client_secret, api_base, patience or Patience()
        )
        self.fields = fields or Fields()
        self.keep_names = keep_names

    @classmethod
    def of(cls, settings: Settings, patience: Patience | None = None) -> "SalesforceSource":
        """The source that the settings describe; it logs in when it is first asked.

        Raises:
            SourceError: the settings name only a part of what it needs.
        """
        key, secret = settings.salesforce_client_id, settings.salesforce_client_secret
        return cls(
            settings.salesforce_domain,
            key.get_secret_value() if key else None,
            secret.get_secret_value() if secret else None,
            settings.salesforce_api_base,
            fields=account_fields(settings.config, alone=not settings.hubspot_service_key),
            keep_names=settings.config.stripe.keep_names,
            patience=patience,
        )

    def pull(
        self,
        cursors: Cursors,
        clock: Clock,
        extent: Extent = "changes",
        resume: Resume | None = None,
    ) -> Iterator[Page | Drained]:
        """Everything, each night; see `pipeline.sources.protocol.Source`."""
        del cursors, extent, resume
        watermark = clock()
        try:
            for wanted in self.objects():
                try:
                    yield from self._listed(wanted, clock)
                except NoObject as error:
                    if not wanted.skippable:
                        raise
                    yield Page(wanted.stream, clock(), (), 0, notices=(str(error),))
                    continue
                yield Drained(wanted.stream, {"synced_at": unix(watermark)}, whole=wanted.whole)
        finally:
            self.client.close()

    def fetch(self, wanted: Mapping[str, Sequence[str]], clock: Clock) -> Iterator[Page]:
        """Nothing: every night lists everything that there is."""
        del wanted, clock
        return iter(())

    def objects(self) -> tuple[Object, ...]:
        """What is read, in this order."""
        return tuple(each for each in OBJECTS if self.keep_names or not each.skippable)

    def readable(self, wanted: Object) -> tuple[dict[str, str], list[str]]:
        """The fields of an object that are read, and the standard ones that cannot be.

        Returns:
            Salesforce's name of each field -> the name that it is kept under; and what is missing, as `Account.Name`.

        Raises:
            NoObject: the object cannot be read.
            SourceError: a field that the configuration names does not exist; or Salesforce cannot be read.
        """
        there = self.client.described(wanted.name)
        standard = [
            each for each in wanted.fields if self.keep_names or each not in wanted.personal
        ]
        known = {there[each.lower()]: each for each in standard if each.lower() in there}
        missing = [each for each in standard if each.lower() not in there]
        if wanted is ACCOUNT:
            for each in self.fields.asked:
                if each.lower() in there:
                    known.setdefault(there[each.lower()], each)
                elif each in self.fields.required:
                    raise self._no_such(each)
                elif of_salesforce(each):
                    missing.append(each)
        told = [f"{wanted.name}.{each}" for each in missing if each not in wanted.optional]
        return known, told

    def allowance(self) -> Allowance | None:
        """Requests that are left today; see `Client.allowance`."""
        return self.client.allowance()

    def _no_such(self, field: str) -> SourceError:
        return SourceError(
            f'Salesforce has no field "{field}" on Account, or the user that the app runs as may not read it. '
            f"pipeline.toml names it (crm.stripe_id_fields or dimensions.segment.source): correct it there, or grant "
            f"Read on the field."
        )

    def _listed(self, wanted: Object, clock: Clock) -> Iterator[Page]:
        known, missing = self.readable(wanted)
        while True:
            notices = _notices(missing)
            observed_at = clock()
            try:
                for rows in self.client.rows(wanted.name, query(wanted, tuple(known))):
                    yield _page(wanted, known, observed_at, rows, notices)
                    notices = ()
                    observed_at = clock()
            except NoField as hidden:
                # Described, and yet refused: it went in between.
                kept = known.pop(hidden.field, None)
                if kept is None or kept in self.fields.required:
                    raise self._no_such(kept or hidden.field) from None
                missing.append(f"{wanted.name}.{kept}")
                continue
            return


def my_domain(written: str) -> str:
    """`acme.my` of what people write for it.

    Raises:
        SourceError: it is the domain of everybody.
    """
    bare = written.strip().removeprefix("https://").removeprefix("http://")
    domain = bare.partition("/")[0].lower().removesuffix(SUFFIX)
    if domain in COMMON or not domain.replace("-", "").replace(".", "").isalnum():
        raise SourceError(
            f'SALESFORCE_DOMAIN is "{written}"; write your My Domain, for example acme.my (Salesforce: Setup, '
            f"My Domain)."
        )
    return domain


def _notices(missing: Sequence[str]) -> tuple[str, ...]:
    if not missing:
        return ()
    told = ", ".join(missing)
    return (f"Salesforce has not got these fields, or hides them, so they are left out: {told}.",)


def _page(
    wanted: Object,
    known: Mapping[str, str],
    observed_at: datetime,
    rows: list[Any],
    notices: tuple[str, ...],
) -> Page:
    records, rejected = [], []
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("Id"), str):
            rejected.append(Rejection("", f"a {wanted.stream} without an id"))
            continue
        content = {kept: row[there] for there, kept in known.items() if there in row}
        compound = [kept for kept, value in content.items() if isinstance(value, dict | list)]
        if compound:
            rejected.append(Rejection(row["Id"], f"{compound[0]} is no single value"))
            continue
        content["id"] = row["Id"]
        records.append(
            Record.of(content, api_version=SALESFORCE_API_VERSION, created=_created(row))
        )
    return Page(
        wanted.stream, observed_at, tuple(records), len(rows), tuple(rejected), notices=notices
    )


def _created(row: Json) -> int | None:
    try:
        return unix(datetime.fromisoformat(row["CreatedDate"]))
    except (KeyError, TypeError, ValueError):
        return None
