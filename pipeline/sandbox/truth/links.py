"""Which account each Stripe customer belongs to, worked out customer by customer.

What belongs here: what the levels of linking must find in a CRM, and which accounts would be right. What
does not: how a CRM's records read (`portal`).
"""

from dataclasses import dataclass
from typing import Any

from pipeline.sandbox.company import Company
from pipeline.sandbox.truth.portal import Portal

FREE = frozenset({
    "gmail.com", "outlook.com", "gmx.de", "yahoo.co.uk", "proton.me", "web.de",
})  # fmt: skip
COUNTRIES = frozenset({"co.uk", "com.au", "co.jp", "com.br"})
"""The suffixes of two parts that the simulated customers have."""
KEYS = ("hubspot_company_id", "salesforce_account_id", "crm_account_id")
EXPLICIT = ("crm_field", "metadata")
LEVELS = (*EXPLICIT, "email", "domain")


@dataclass(frozen=True)
class Link:
    """What must be found for a customer.

    Attributes:
        account_id: the CRM's, or the customer's own id.
        method: the level that decided; `none`.
        status: matched, ambiguous or unmatched.
        candidates: every account that the deciding level names.
        right: the accounts that the customer really belongs to: several while the CRM has duplicates,
            none where the CRM does not have it.
    """

    account_id: str
    method: str
    status: str
    candidates: frozenset[str]
    right: frozenset[str]


class Links:
    """The links of a company's customers.

    Args:
        company: as far as its clock has run.
        portal: its CRM.
        shared: domains that belong to several customers.
    """

    def __init__(self, company: Company, portal: Portal, shared: frozenset[str]) -> None:
        self.portal = portal
        self._unfit = FREE | shared
        self._at_domain: dict[str, set[str]] = {}
        for known in portal.companies.values():
            for address in known.addresses:
                host = registrable(address)
                if host:
                    self._at_domain.setdefault(host, set()).add(known.account_id)
        standing = company.companies
        self.of: dict[str, Link] = {}
        for customer_id, customer in _customers(company).items():
            right = frozenset(
                portal.companies[each].account_id for each in standing.get(customer_id, ())
            )
            self.of[customer_id] = self._link(customer, right)

    @property
    def accounts(self) -> dict[str, str]:
        """The account of every customer."""
        return {customer: link.account_id for customer, link in self.of.items()}

    def _link(self, customer: Any, right: frozenset[str]) -> Link:
        found = {level: getattr(self, f"_by_{level}")(customer) for level in LEVELS}
        named = found["crm_field"] | found["metadata"]
        for level in LEVELS:
            if not found[level]:
                continue
            candidates = frozenset(named if level in EXPLICIT else found[level])
            if len(candidates) > 1:
                return Link(customer["id"], level, "ambiguous", candidates, right)
            return Link(min(candidates), level, "matched", candidates, right)
        return Link(customer["id"], "none", "unmatched", frozenset(), right)

    def _by_crm_field(self, customer: Any) -> set[str]:
        companies = self.portal.companies.values()
        return {each.account_id for each in companies if customer["id"] in each.stripe_ids}

    def _by_metadata(self, customer: Any) -> set[str]:
        """A key that begins with a CRM's name is for that CRM; a merged id means who has it now."""
        found = set()
        for key in KEYS:
            wanted = customer["metadata"].get(key, "").strip()
            wanted = wanted.removeprefix(f"{self.portal.name}:")
            if not key.startswith((self.portal.name, "crm_")):
                continue
            found |= {
                each.account_id for each in self.portal.companies.values() if wanted in each.ids
            }
        return found

    def _by_email(self, customer: Any) -> set[str]:
        email = (customer["email"] or "").strip().lower()
        return {
            self.portal.companies[company].account_id
            for address, company in self.portal.contacts
            if email and address.strip().lower() == email
        }

    def _by_domain(self, customer: Any) -> set[str]:
        host = registrable((customer["email"] or "").rpartition("@")[2])
        return set() if host in self._unfit else self._at_domain.get(host, set())


def _customers(company: Company) -> dict[str, Any]:
    """Every customer; of a deleted one what was last known of it."""
    last = {
        event["data"]["object"]["id"]: event["data"]["object"]
        for event in company.objects["event"].values()
        if event["type"] == "customer.deleted"
    }
    stored = company.objects["customer"]
    return {key: last[key] if each.get("deleted") else each for key, each in stored.items()}


def registrable(address: str) -> str:
    """The part of a web address or host that somebody registered, in ASCII; empty where there is none."""
    host = address.strip().lower().partition("://")[2] or address.strip().lower()
    for end in ("/", "?", "#", ":"):
        host = host.partition(end)[0]
    host = host.strip().rstrip(".")
    labels = host.encode("idna").decode().split(".") if host else []
    size = 3 if ".".join(labels[-2:]) in COUNTRIES else 2
    return ".".join(labels[-size:]) if len(labels) >= size else ""
