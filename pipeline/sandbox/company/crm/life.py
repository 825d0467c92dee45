# ruff: noqa: PLR2004 - the numbers of this module are chances
"""A CRM as people leave it: unfilled fields, duplicates, odd addresses, wrong ids, an archive.

What belongs here: what happens to companies and contacts, one feature of `CRM_TURNS` each. What does
not: deals (`deals`), owners (`people`), and the records themselves (`records`). Everything is drawn
from generators of its own, so that customers buy what they bought without it.
"""

from random import Random

from pipeline.sandbox.company.books import Books, Rank
from pipeline.sandbox.company.calendar import DAY
from pipeline.sandbox.company.crm import addresses
from pipeline.sandbox.company.crm.records import Crm, Json
from pipeline.sandbox.company.people import Account
from pipeline.sandbox.company.records import Customer
from pipeline.sandbox.company.wishes import SALESFORCE_IDS
from pipeline.sandbox.web.salesforce_ids import ACCOUNT, salesforce_id

NOBODY = "cus_gone00000000"
FILLED = ("domain", "stripe_customer_id", "industry", "country")


class UntidyCrm(Crm):
    """Companies and contacts as people keep them.

    Args:
        books: the clock, and what Stripe is told.
        seed: everything follows from it.
        features: which of `CRM_TURNS` happen.
    """

    def __init__(self, books: Books, seed: int, features: frozenset[str]) -> None:
        super().__init__(books.now)
        self.books = books
        self.features = features
        self._seed = seed
        self._rngs: dict[int, Random] = {}
        self._unfilled: set[int] = set()
        self._billed_at: dict[int, str | None] = {}
        self._tagged: set[str] = set()
        self._misled: set[str] = set()
        self._kept: set[int] = set()
        self._salesforce = SALESFORCE_IDS in features
        if "agencies" in features:
            for agency in addresses.AGENCIES:
                self.put("companies", books.now, books.now, {
                    "name": agency.partition(".")[0].title(), "domain": agency,
                })  # fmt: skip

    def rng(self, account: Account) -> Random:
        """What draws everything that happens to the account in the CRM."""
        number = account.number
        if number not in self._rngs:
            self._rngs[number] = Random(f"{self._seed}/crm/{number}")  # noqa: S311
        return self._rngs[number]

    def later(self, days: float, action: object, *args: object) -> None:
        """Something happens after some days."""
        at = self.books.now + int(days * DAY)
        self.books.schedule(at, Rank.PERSON, action, *args)  # type: ignore[arg-type]

    def alive(self, company: str) -> bool:
        """Whether the CRM still shows the company."""
        record = self.records["companies"].get(company)
        return record is not None and not record["archived"]

    def standing_for(self, account: Account) -> list[str]:
        """The live companies of the account: its own and duplicates."""
        return [
            each
            for each, number in self.stands_for.items()
            if number == account.number and self.alive(each)
        ]

    # an account is met

    def add_account(self, account: Account, now: int) -> None:
        """A company with its contact, and what will become of them."""
        rng = self.rng(account)
        if "messy_domains" in self.features:
            account.domain = addresses.domain(account.name, rng)
        kind = self._kind_of_address(rng)
        self._billed_at[account.number] = addresses.bill_to(kind, account.name, account.domain, rng)
        contacts = set(self.records["contacts"])
        super().add_account(account, now)
        (contact,) = set(self.records["contacts"]) - contacts
        self._write_domain(account, kind, now)
        self._write_contact(account, contact, now)
        if "unfilled_ids" in self.features and rng.random() < 0.55:
            self._unfilled.add(account.number)
        if "duplicates" in self.features:
            if rng.random() < 0.3:
                self.later(rng.uniform(0, 150), self._duplicate, account)
            if rng.random() < 0.06:
                self.later(rng.uniform(0, 150), self._add_subsidiary, account)
        if "archived_records" in self.features and rng.random() < 0.12:
            self.later(rng.uniform(60, 400), self._archive_company, account)

    def _kind_of_address(self, rng: Random) -> str:
        weights = {"own": 50, "below": 4, "none": 2}
        if "agencies" in self.features:
            weights["agency"] = 14
        if "free_mail" in self.features:
            weights["free"] = 14
        if "contact_emails" in self.features:
            weights |= {"person": 12, "elsewhere": 8}
        return rng.choices(list(weights), weights=list(weights.values()))[0]

    def _write_domain(self, account: Account, kind: str, now: int) -> None:
        """The domain as somebody wrote it; of others another brand stands first, or nothing at all."""
        rng = self.rng(account)
        if kind == "free" and rng.random() < 0.6:
            typed = rng.choice(("", "gmail.com", "www.outlook.com"))
            self.change("companies", account.crm_id, now, {"domain": typed})
        elif "messy_domains" in self.features and not account.unlinked:
            found = {"domain": addresses.written(account.domain, rng)}
            draw = rng.random()
            if draw < 0.15:
                brand = f"{addresses.slug(account.name)}-brand.example"
                more = f"{brand};{found['domain']};"
                found = {"domain": brand, "hs_additional_domains": more}
            elif draw < 0.25:
                found = {"domain": ""}
            self.change("companies", account.crm_id, now, found)

    def _write_contact(self, account: Account, contact: str, now: int) -> None:
        """Often the contact is somebody else than who gets the bills."""
        rng = self.rng(account)
        host = addresses.plain(account.domain)
        found = {"email": f"hello@{host}" if account.unlinked else f"billing@{host}"}
        billed_at = self._billed_at[account.number]
        if "contact_emails" in self.features:
            draw = rng.random()
            found = {"email": f"reception@{host}"}
            if billed_at is not None and not billed_at.startswith("accounts@") and draw < 0.4:
                found = {"email": addresses.cased(billed_at, rng)}
            elif billed_at is not None and not billed_at.startswith("accounts@") and draw < 0.55:
                found["hs_additional_emails"] = f"{host}@mail.example;{billed_at}"
            if draw > 0.95:
                self.archive("contacts", contact, now)
        self.change("contacts", contact, now, found)

    def addressed(self, account: Account, who: Json) -> Json:
        """Bills go where the account wants them."""
        billed_at = self._billed_at.get(account.number, who["email"])
        if billed_at is None:
            return {**who, "email": None}
        return {**who, "email": addresses.cased(billed_at, self.rng(account))}

    # ids

    def link_customers(self, account: Account, now: int) -> None:
        """The field with the Stripe ids is filled, if anybody fills it, and Stripe may be told the CRM's id."""
        if "crm_metadata" in self.features:
            for customer in account.customers:
                if customer.id not in self._tagged:
                    self._tagged.add(customer.id)
                    self.later(self.rng(account).uniform(0, 120), self._tag, account, customer)
        if account.number in self._unfilled or not self.alive(account.crm_id):
            return
        super().link_customers(account, now)
        rng = self.rng(account)
        if "several_ids" in self.features and not account.unlinked and rng.random() < 0.5:
            ids = [customer.id for customer in account.customers]
            forms = (" ; ".join(ids), f"{';'.join(ids)};", ";".join([*ids, NOBODY, ids[0]]))
            self._fill(account.crm_id, f" {rng.choice(forms)}")

    def _fill(self, company: str, ids: str) -> None:
        self.change("companies", company, self.books.now, {"stripe_customer_id": ids})

    def _names(self, company: str, customer: Customer) -> bool:
        return customer.id in self.records["companies"][company]["properties"]["stripe_customer_id"]

    def _tag(self, account: Account, customer: Customer) -> None:
        """Somebody writes an id of the CRM into Stripe: the right one, one that is none, or another's."""
        rng, standing = self.rng(account), self.standing_for(account)
        kind = rng.choices(
            ("none", "right", "any", "prefixed", "dangling", "other_crm", "wrong"),
            weights=(40, 24, 6, 6, 8, 8, 8),
        )[0]
        if customer.deleted or not standing or kind == "none":
            return
        own = self._id_of(rng.choice(standing))
        key, other = "hubspot_company_id", "salesforce_account_id"
        if self._salesforce:
            key, other = other, key
        found = {
            "right": {key: f" {own} "},
            "any": {"crm_account_id": own[:15] if self._salesforce else own},
            "prefixed": {"crm_account_id": f"{key.partition('_')[0]}:{own}"},
            "dangling": {key: self._id_of("89999999999")},
            "other_crm": {other: own},
            "wrong": {key: self._stranger(account, customer) if kind == "wrong" else ""},
        }[kind]
        if all(found.values()):
            self.books.change_customer(customer, metadata={**found, "plan_notes": "none"})

    def _id_of(self, company: str) -> str:
        return salesforce_id(ACCOUNT, company) if self._salesforce else company

    def _stranger(self, account: Account, customer: Customer) -> str:
        """Another account's id, where the CRM says better: two ids that disagree."""
        strangers = [
            each
            for each, number in self.stands_for.items()
            if number != account.number and self.alive(each)
        ]
        unnamed = not self.alive(account.crm_id) or not self._names(account.crm_id, customer)
        if unnamed or not strangers:
            return ""
        self._misled.add(customer.id)
        return self._id_of(self.rng(account).choice(strangers))

    # duplicates

    def _duplicate(self, account: Account) -> None:
        """The company is entered once more; some day somebody may notice."""
        if not self.alive(account.crm_id):
            return
        rng, now = self.rng(account), self.books.now
        known = self.records["companies"][account.crm_id]["properties"]
        copied = known["stripe_customer_id"] if rng.random() < 0.2 else ""
        copy = self.put("companies", now, now, {
            "name": rng.choice((account.name.upper(), f"{account.name} Inc.", account.name)),
            "domain": rng.choice((known["domain"], f"www.{account.domain}", "")),
            "industry": account.industry,
            "stripe_customer_id": copied,
        })  # fmt: skip
        self.stands_for[copy] = account.number
        if rng.random() < 0.4:
            email = rng.choice((f"office@{addresses.plain(account.domain)}", self._other(account)))
            contact = self.put("contacts", now, now, {"email": email, "lastname": account.name})
            self.employ(contact, copy, now)
        if rng.random() < 0.7:
            self.later(rng.uniform(15, 150), self._merge_duplicate, account)
        if rng.random() < 0.45:
            self.later(rng.uniform(1, 60), self._duplicate, account)

    def _other(self, account: Account) -> str:
        billed_at = self._billed_at[account.number]
        shared = billed_at is None or billed_at.startswith("accounts@")
        return f"desk@{addresses.plain(account.domain)}" if shared else str(billed_at)

    def _merge_duplicate(self, account: Account) -> None:
        """Any two companies of the account become one, whichever of them was the first."""
        standing = self.standing_for(account)
        if len(standing) < 2 or account.crm_id not in standing:
            return
        kept, gone = self.rng(account).sample(standing, 2)
        self.merge_companies(kept, gone, self.books.now)
        if gone == account.crm_id:
            account.crm_id = kept

    def merge_companies(self, kept: str, gone: str, now: int) -> None:
        """What the one that is kept lacks comes from the other, as do the other's domains."""
        old = self.records["companies"][gone]["properties"]
        super().merge_companies(kept, gone, now)
        new = self.records["companies"][kept]["properties"]
        found = {name: old[name] for name in FILLED if old.get(name) and not new.get(name)}
        domains = [
            new.get("hs_additional_domains"),
            old.get("domain"),
            old.get("hs_additional_domains"),
        ]
        if more := ";".join(each.strip(";") for each in domains if each):
            found["hs_additional_domains"] = more
        lists = [new.get("stripe_customer_id", ""), old.get("stripe_customer_id", "")]
        if any(each in lists[1] for each in self._misled):
            found["stripe_customer_id"] = ";".join(each for each in lists if each)
        self.change("companies", kept, now, found)

    def _add_subsidiary(self, account: Account) -> None:
        """A company of the same house that buys nothing, under the very domain of the account's own."""
        now = self.books.now
        own = self.records["companies"].get(account.crm_id, {"properties": {}})["properties"]
        if account.domain not in own.get("domain", "").lower():
            return
        self._kept.add(account.number)
        self.put("companies", now, now, {
            "name": f"{account.name} Holding", "domain": account.domain, "stripe_customer_id": "",
        })  # fmt: skip

    # the archive

    def _archive_company(self, account: Account) -> None:
        """The company goes to the bin, which is emptied after three months or never."""
        company = account.crm_id
        misled = any(each.id in self._misled for each in account.customers)
        if misled or account.number in self._kept or not self.alive(company):
            return
        self.archive("companies", company, self.books.now)
        if self.rng(account).random() < 0.5:
            self.later(90, self.purge, "companies", company)

    def purge(self, kind: str, record_id: str) -> None:
        """The bin is emptied."""
        self.delete(kind, record_id, self.books.now)

    def merge(self, kept: Account, gone: Account, now: int) -> None:
        """Companies that are still there become one."""
        if self.alive(kept.crm_id) and self.alive(gone.crm_id):
            super().merge(kept, gone, now)
