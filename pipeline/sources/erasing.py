"""Erasing: what a record keeps of somebody who is forgotten. Ids, amounts, dates and the country; nothing personal.

Belongs here: which fields of which records are personal, and a source that leaves them out. Does not belong here: what
was stored before (`pipeline.assets.forgetting`). Prices, coupons and products are everybody's, and stay.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgspec
import orjson

from pipeline.sources.protocol import (
    Clock,
    Cursors,
    Drained,
    Extent,
    Json,
    Page,
    Record,
    Resume,
    Source,
)


@dataclass(frozen=True, slots=True)
class Streams:
    """Where a CRM keeps whom, and which account a contact belongs to."""

    account: str
    deal: str
    contact: str = ""
    of_account: str = ""


CRMS = {
    "hubspot": Streams("company", "deal", "contact", "associatedcompanyid"),
    "salesforce": Streams("account", "opportunity", "contact", "AccountId"),
    "file": Streams("account", "deal"),
}
PERSONAL = {
    ("stripe", "customer"): ("name", "email"),
    ("hubspot", "company"): ("name", "domain", "hs_additional_domains"),
    ("hubspot", "deal"): ("dealname",),
    ("hubspot", "contact"): ("email", "hs_additional_emails"),
    ("salesforce", "account"): ("Name", "Website"),
    ("salesforce", "opportunity"): ("Name",),
    ("salesforce", "contact"): ("Email",),
    ("file", "account"): ("name", "domain", "additional_domains", "emails"),
    ("file", "deal"): ("name",),
}
"""The fields that name somebody, by source and stream."""


@dataclass(frozen=True)
class Erasing:
    """Who is forgotten, and what figures need of their records all the same.

    Attributes:
        ids: (source, stream) -> ids; of Stripe only customers.
        metadata_keys: keys of metadata that hold ids of a CRM.
        email_domains: domains whose customers are excluded; of such an e-mail the domain stays.
    """

    ids: dict[tuple[str, str], frozenset[str]]
    metadata_keys: tuple[str, ...]
    email_domains: tuple[str, ...]

    @property
    def customers(self) -> frozenset[str]:
        """The customers of Stripe."""
        return self.ids.get(("stripe", "customer"), frozenset())

    @cached_property
    def _named(self) -> re.Pattern[bytes]:
        """Finds a customer's id in a payload."""
        return re.compile(
            b'"(?:' + b"|".join(re.escape(each.encode()) for each in sorted(self.customers)) + b')"'
        )

    def payload(self, source: str, stream: str, id_: str, payload: bytes) -> bytes | None:
        """The payload without what is personal; null where nothing of it is, or it is somebody else's."""
        if source == "stripe":
            if not self.customers or not self._named.search(payload):
                return None
            content = orjson.loads(payload)
            if not self._erased_stripe(content, stream):
                return None
        else:
            if source not in CRMS or not any(name == source for name, _ in self.ids):
                return None
            ours = id_ in self.ids.get((source, stream), frozenset())
            if not ours and stream != CRMS[source].contact:
                return None
            content = orjson.loads(payload)
            if not ours and self._account_of(content, source) not in self.accounts(source):
                return None
            for part in parts(content):
                for name in PERSONAL.get((source, stream), ()):
                    part.pop(name, None)
        left = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        return None if left == payload else left

    def accounts(self, source: str) -> frozenset[str]:
        """The accounts of a CRM that are forgotten."""
        return self.ids.get((source, CRMS[source].account), frozenset())

    def _account_of(self, contact: Json, source: str) -> str | None:
        found = (part.get(CRMS[source].of_account) for part in parts(contact))
        return next((str(each) for each in found if each), None)

    def _erased_stripe(self, content: Json, stream: str) -> bool:
        """Erase in place; False where the record is not of anybody who is forgotten."""
        data = content.get("data") if stream == "event" else None
        parts: list[Json] = [content]
        if isinstance(data, dict):
            parts = [data["object"], data.get("previous_attributes") or {}]
            stream = str(data["object"].get("object"))
        whose = parts[0].get("id" if stream == "customer" else "customer")
        if not isinstance(whose, str) or whose not in self.customers:
            return False
        for part in parts:
            if stream == "customer":
                self.left(part)
            elif stream == "promotion_code":
                part.pop("code", None)
            self._erase_metadata(part)
        return True

    def left(self, customer: Json) -> Json:
        """Of a customer's fields what is not personal; erased in place."""
        customer.pop("name", None)
        self._erase_email(customer)
        self._erase_metadata(customer)
        return customer

    def _erase_email(self, customer: Json) -> None:
        email = customer.pop("email", None)
        domain = email.lower().rpartition("@")[2] if isinstance(email, str) else ""
        if domain in {each.lower().removeprefix("@") for each in self.email_domains}:
            customer["email"] = f"@{domain}"

    def _erase_metadata(self, value: Any) -> None:
        for each in value if isinstance(value, list) else ():
            self._erase_metadata(each)
        for name, inner in value.items() if isinstance(value, dict) else ():
            if name == "metadata" and isinstance(inner, dict):
                kept = {key: inner[key] for key in self.metadata_keys if key in inner}
                value[name] = kept
            else:
                self._erase_metadata(inner)


def parts(content: Json) -> list[Json]:
    """Where a CRM's record holds its fields."""
    found = (content, content.get("properties"), content.get("propertiesWithHistory"))
    return [each for each in found if isinstance(each, dict)]


def hash_of(payload: bytes) -> str:
    """The hash that a record of this payload has."""
    return hashlib.blake2b(payload, digest_size=16).hexdigest()


class Forgetful:
    """A source that brings nothing personal of those who are forgotten by when it is read.

    Args:
        source: what it reads.
        erasing: looks up who is forgotten.
    """

    def __init__(self, source: Source, erasing: Callable[[], Erasing]) -> None:
        self._source, self._looked_up = source, erasing

    @property
    def name(self) -> str:
        """The source's name."""
        return self._source.name

    @property
    def account(self) -> str:
        """The account in the source."""
        return self._source.account

    @property
    def settings(self) -> str | None:
        """What its records depend on."""
        return self._source.settings

    def pull(
        self,
        cursors: Cursors,
        clock: Clock,
        extent: Extent = "changes",
        resume: Resume | None = None,
    ) -> Iterator[Page | Drained]:
        """What the source pulls; see `pipeline.sources.protocol.Source`."""
        erasing = self._looked_up()
        for each in self._source.pull(cursors, clock, extent, resume):
            yield self._page(each, erasing) if isinstance(each, Page) else each

    def fetch(self, wanted: Mapping[str, Sequence[str]], clock: Clock) -> Iterator[Page]:
        """What the source gives when it is asked; see `pipeline.sources.protocol.Source`."""
        erasing = self._looked_up()
        for each in self._source.fetch(wanted, clock):
            yield self._page(each, erasing)

    def _page(self, page: Page, erasing: Erasing) -> Page:
        records = tuple(self._erased(page.stream, record, erasing) for record in page.records)
        return replace(page, records=records)

    def _erased(self, stream: str, record: Record, erasing: Erasing) -> Record:
        left = erasing.payload(self.name, stream, record.id, record.payload)
        if left is None:
            return record
        return msgspec.structs.replace(record, payload=left, hash=hash_of(left))
