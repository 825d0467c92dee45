"""What HubSpot is asked for: its lists and their properties, as data.

Belongs here: paths, properties, and which of them must exist. Everything else of an object never reaches the disk.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from pipeline.config import Config, Crm
from pipeline.errors import SourceError

HUBSPOT_API_VERSION = "2026-09"
PAGE, PAGE_WITH_HISTORY, BATCH = 100, 50, 1000
"""Objects of a page, of one with histories, and ids of one request for associations: HubSpot's own limits."""
OWNERS = f"/crm/owners/{HUBSPOT_API_VERSION}"
PIPELINES = f"/crm/pipelines/{HUBSPOT_API_VERSION}/deals"
OWN_NAME = re.compile(r"(?!.*__c$)[a-z][a-z0-9_]*")
"""How HubSpot names properties; other configured fields are another CRM's."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMING = _words("name domain hs_additional_domains")
"""Properties of a company that name it."""
COMPANY = _words(
    "name domain hs_additional_domains industry country hubspot_owner_id hs_analytics_source "
    "hs_merged_object_ids createdate"
)
COMPANY_HISTORY = _words("hubspot_owner_id industry country hs_analytics_source")
DEAL = _words(
    "dealtype pipeline dealstage amount closedate createdate hubspot_owner_id hs_is_closed "
    "hs_is_closed_won deal_currency_code"
)
DEAL_HISTORY = _words("dealstage amount closedate hubspot_owner_id dealtype pipeline")
CONTACT = _words("email hs_additional_emails associatedcompanyid")


def properties_of(kind: str) -> str:
    """Where a portal's properties of one kind of objects are."""
    return f"/crm/properties/{HUBSPOT_API_VERSION}/{kind}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read of a portal beside the standard properties.

    Attributes:
        stripe_id_fields: properties of companies that may hold Stripe ids.
        segment_field: the property that holds the segment; null when there is none.
        required: properties of companies that the user configured: they must exist.
        keep_names: read what names customers (their names, domains and contacts' e-mails), and owners' e-mails.
    """

    stripe_id_fields: tuple[str, ...] = ()
    segment_field: str | None = None
    required: frozenset[str] = frozenset()
    keep_names: bool = True

    @classmethod
    def of(cls, config: Config, *, alone: bool) -> Self:
        """What `pipeline.toml` says.

        Args:
            config: the configuration.
            alone: no other CRM has fields. Else a name that HubSpot cannot have is the other's.
        """
        defaults = Crm().stripe_id_fields

        def asked(name: str) -> bool:
            return (alone and name not in defaults) or OWN_NAME.fullmatch(name) is not None

        source = config.dimensions.segment.source
        segment = source if source != "acv" and asked(source) else None
        ids = tuple(filter(asked, config.crm.stripe_id_fields))
        configured = set(ids) - set(defaults)
        return cls(
            ids,
            segment,
            frozenset(configured | ({segment} if segment else set())),
            config.stripe.keep_names,
        )


@dataclass(frozen=True, slots=True)
class ObjectList:
    """One list of objects with properties.

    Attributes:
        stream: the stream of its records.
        kind: HubSpot's name of the objects.
        properties: what is asked for.
        histories: of which the past is asked for as well.
        archived: whether what is archived is listed too, by its ids.
        dated: whether records say when the object was made.
    """

    stream: str
    kind: str
    properties: tuple[str, ...]
    histories: tuple[str, ...] = ()
    archived: bool = True
    dated: bool = True

    @property
    def path(self) -> str:
        """Where it is."""
        return f"/crm/objects/{HUBSPOT_API_VERSION}/{self.kind}"

    @property
    def params(self) -> dict[str, str | int]:
        """What it is asked with."""
        params: dict[str, str | int] = {
            "limit": PAGE_WITH_HISTORY if self.histories else PAGE,
            "properties": ",".join(self.properties),
        }
        if self.histories:
            params["propertiesWithHistory"] = ",".join(self.histories)
        return params

    def within(self, known: Iterable[object]) -> "ObjectList":
        """The list without the properties that the portal does not have."""
        names = frozenset(known)
        return ObjectList(
            self.stream,
            self.kind,
            tuple(each for each in self.properties if each in names),
            tuple(each for each in self.histories if each in names),
            self.archived,
            self.dated,
        )


def object_lists(wanted: Wanted) -> tuple[ObjectList, ...]:
    """Companies, deals, and contacts where e-mails are kept."""
    segment = (wanted.segment_field,) if wanted.segment_field else ()
    standard = [each for each in COMPANY if wanted.keep_names or each not in NAMING]
    company = ObjectList(
        "company",
        "companies",
        tuple(dict.fromkeys((*standard, *wanted.stripe_id_fields, *segment))),
        tuple(dict.fromkeys((*COMPANY_HISTORY, *segment))),
    )
    deal = ObjectList("deal", "deals", DEAL, DEAL_HISTORY)
    contact = ObjectList("contact", "contacts", CONTACT, archived=False, dated=False)
    return (company, deal, contact) if wanted.keep_names else (company, deal)


def missing(listed: ObjectList, known: Iterable[object], required: frozenset[str]) -> list[str]:
    """Properties that the portal does not have, or does not show to this key.

    Raises:
        SourceError: one of them is required.
    """
    names = frozenset(known)
    absent = [each for each in listed.properties if each not in names]
    lacking = [each for each in absent if each in required]
    if lacking:
        raise SourceError(
            f"HubSpot has no property {', '.join(lacking)} of {listed.kind}, or hides it from the key. Create it, or "
            f"correct crm.stripe_id_fields and dimensions.segment.source in pipeline.toml."
        )
    return absent
