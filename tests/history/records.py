"""A simulated company's records as the raw store holds them after landing, without HTTP between.

The sync over HTTP has tests of its own; here histories are many and small, so the way is short.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain, cycle
from typing import Any

import orjson
import polars as pl

from pipeline import schemas
from pipeline.money import RATE_SCALE
from pipeline.months import Calendar, add_months
from pipeline.mrr import Book, empty_links
from pipeline.sandbox.company import Company
from pipeline.sandbox.company.versions import VERSIONS
from pipeline.sandbox.truth import Truth
from pipeline.sources.protocol import Json, unix
from pipeline.sources.stripe import COUPONS, LISTS
from pipeline.sources.stripe.named import Named
from pipeline.sources.stripe.plan import KEPT, OVERLAP, Plan
from pipeline.sources.stripe.streams import Stream
from tests import in_memory

STREAMS = tuple(
    stream
    for stream in (COUPONS, *LISTS)
    if stream.name
    in {
        *("customer", "product", "price", "coupon", "subscription", "invoice", "invoiceitem"),
        "subscription_schedule",
    }
)
OPEN = frozenset({"draft", "open"})
HIDDEN = frozenset({"deleted", "applies_to", "currency_options"})
"""What a coupon inside a discount does not say."""
LAGS = (timedelta(0), timedelta(minutes=5), timedelta(hours=2))
"""How long after its watermark a sync reads lists."""
CURRENCIES = ("usd", "eur", "gbp", "jpy", "krw", "kwd", "bhd", "isk", "ugx")


def rate(month: date, currency: str) -> Decimal:
    """A made-up exchange rate that differs from month to month."""
    if currency == "usd":
        return Decimal(1)
    return Decimal("1.05") + Decimal((month.year * 12 + month.month) % 7) / Decimal(100)


def sync_id(now: datetime) -> str:
    """The id of the sync at an instant."""
    return f"sync-{now:%Y%m%d%H%M}"


def _row(stream: str, record: Json, now: datetime) -> dict[str, Any]:
    if stream == "customer" and isinstance(record.get("discount"), dict):
        record = {**record, "discount": record["discount"]["id"]}  # as landing takes it apart
    payload = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    created = record.get("created")
    previous = (record.get("data") or {}).get("previous_attributes") if stream == "event" else None
    return {
        "source": "stripe",
        "source_account": "",
        "stream": stream,
        "id": record["id"],
        "created": None if created is None else datetime.fromtimestamp(created, UTC),
        "observed_at": now,
        "sync_id": sync_id(now),
        "api_version": record.get("api_version"),
        "previous_keys": None if previous is None else sorted(previous),
        "payload": payload.decode(),
        "hash": hashlib.blake2b(payload, digest_size=16).hexdigest(),
    }


def _open(record: Json) -> bool:
    """Whether an invoice, or an invoice item, can still change."""
    return record["invoice"] is None if "invoice" in record else record["status"] in OPEN


def _inside(company: Any, records: Iterable[Json]) -> list[Json]:
    """The discounts that stand inside what is listed."""
    ids: dict[str, None] = {}
    for record in records:
        parts = [(record.get(name) or {}).get("data", ()) for name in ("items", "lines")]
        for holder in (record, *chain.from_iterable(parts)):
            ids |= dict.fromkeys(holder.get("discounts") or ())
            if isinstance(holder.get("discount"), dict):
                ids[holder["discount"]["id"]] = None
    discounts = company.objects["discount"]
    return [discounts[each] for each in ids if each in discounts]


def _unlisted(company: Any, discounts: Iterable[Json], listed: Iterable[Json]) -> Iterator[Json]:
    """The coupons inside discounts that no list of this sync shows: they say less."""
    known = {each["id"] for each in listed}
    for coupon in dict.fromkeys(each["source"]["coupon"] for each in discounts):
        if coupon in known:
            continue
        record = company.objects["coupon"][coupon]
        kept = {name: value for name, value in record.items() if name not in HIDDEN}
        yield kept | {"embedded": True}


def _without_zeros(invoice: dict[str, Any]) -> dict[str, Any]:
    """The invoice without amounts of zero among its lines' discounts: whether Stripe lists them is not known."""
    lines = [
        line
        | {"discount_amounts": [each for each in line["discount_amounts"] if each["amount"] != 0]}
        for line in invoice["lines"]["data"]
    ]
    return invoice | {"lines": invoice["lines"] | {"data": lines}}


class Evidence:
    """Raw records and coverage that accumulate sync by sync.

    Args:
        source_account: the Stripe account.
        lag: how long after the watermark, up to which events are read, lists are read.
        terse: invoices do not list discounts of zero.
        listing: every sync lists everything, not only those at which it is due.
    """

    def __init__(
        self,
        source_account: str = "",
        lag: timedelta = timedelta(0),
        *,
        terse: bool = False,
        listing: bool = False,
    ) -> None:
        self.source_account = source_account
        self.lag = lag
        self.terse = terse
        self.listing = listing
        self._cursors: dict[str, dict[str, int]] = {}
        self.rows: list[dict[str, Any]] = []
        self.coverage: list[dict[str, Any]] = []
        self._last: dict[tuple[str, str], str] = {}
        self._seen: dict[tuple[str, str], datetime] = {}

    def sync(self, company: Any) -> None:
        """Everything Stripe would give at the company's instant."""
        now = company.now
        plan = Plan(self._cursors, now, "listing" if self.listing else "changes")
        oldest = (now - KEPT).timestamp()
        events = [e for e in company.objects["event"].values() if e["created"] >= oldest]
        named = Named()
        if plan.last is not None:
            since = (plan.last - OVERLAP).timestamp()
            named.note(now, [each for each in reversed(events) if each["created"] >= since])
        if (now + self.lag).timestamp() < company.end:
            company.advance(now + self.lag)
        seen = company.now
        listed = {stream.name: self._listed(company, stream, plan, named) for stream in STREAMS}
        inside = _inside(company, chain.from_iterable(listed.values()))
        if self.terse:
            listed["invoice"] = [_without_zeros(each) for each in listed["invoice"]]
        if plan.listing and plan.last is not None:
            self._back(events)
        for stream, records in {**listed, "discount": inside}.items():
            self._add(stream, records, seen, sync_id(now))
        self._add("coupon", _unlisted(company, inside, listed["coupon"]), seen, sync_id(now))
        for stream in STREAMS:
            shown = [each.content for each in named.shown(stream.name, plan.since(stream))]
            self._add(stream.name, shown, now, sync_id(now))
        self._add("event", events, now, sync_id(now))
        start = max(now - KEPT, plan.last) if plan.last else now - KEPT
        self.coverage.append(
            {
                "source_account": self.source_account,
                "covered_from": start,
                "covered_to": now,
                "sync_id": sync_id(now),
                "listed": plan.listing,
            }
        )
        self._cursors = {stream.name: plan.cursor(stream.name) for stream in STREAMS}
        self._cursors["event"] = {"watermark": unix(now)}

    def _back(self, events: Iterable[Json]) -> None:
        """Subscriptions of which events told since they were stored are stored again: an old state may be back."""
        for event in events:
            key = ("subscription", event["data"]["object"].get("id"))
            if key in self._last and event["created"] > self._seen[key].timestamp():
                del self._last[key]

    @staticmethod
    def _listed(company: Any, stream: Stream, plan: Plan, named: Named) -> list[Json]:
        """What its list gives, what is still open, and what events name."""
        since = plan.since(stream)
        wanted = set(named.wanted(stream.name, since))
        return [
            each
            for each in company.objects[stream.name].values()
            if not each.get("deleted")
            and (
                (each.get("created", each.get("date")) or 0) >= since
                or each["id"] in wanted
                or (stream.open_lists and _open(each))
            )
        ]

    def _add(
        self, stream: str, records: Iterable[dict[str, Any]], seen: datetime, sync: str
    ) -> None:
        for record in records:
            row = _row(stream, record, seen) | {"sync_id": sync}
            if self._last.get((stream, row["id"])) != row["hash"]:
                self._last[stream, row["id"]] = row["hash"]
                self._seen[stream, row["id"]] = seen
                self.rows.append(self._of_account(row))

    def _of_account(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row as one of this Stripe account."""
        row["source_account"] = self.source_account
        return row

    def frames(self) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        """(RAW_RECORD, COVERAGE)."""
        return (
            pl.LazyFrame(self.rows, schema=schemas.RAW_RECORD.schema),
            pl.LazyFrame(self.coverage, schema=schemas.COVERAGE.schema),
        )


def book(billing: Any, months: Iterable[date], links: pl.LazyFrame | None = None) -> Book:
    """A book with made-up rates for the months."""
    rows = [
        {
            "month": month,
            "currency": currency,
            "rate": int(rate(month, currency) * RATE_SCALE),
            "source": "fixed",
            "frozen": False,
        }
        for month in months
        for currency in CURRENCIES
    ]
    return Book(
        item_timeline=billing.item_timeline.lazy(),
        usage_charge=billing.usage_charge.lazy(),
        price=billing.price.lazy(),
        coupon=billing.coupon.lazy(),
        product=billing.product.lazy(),
        subscription_phase=billing.subscription_phase.lazy(),
        account_link=empty_links() if links is None else links,
        fx_rate=pl.LazyFrame(rows, schema=schemas.FX_RATE.schema),
    )


@dataclass(frozen=True)
class Life:
    """A simulated company, and when it is synced: first after `first` days, then after each of `gaps` in turn.

    The last sync is at the end of the company's time, whatever the gaps.
    """

    seed: int
    customers: int
    months: int
    features: frozenset[str]
    first: int
    gaps: tuple[int, ...]
    upgrades: tuple[tuple[datetime, str], ...] = ()

    def instants(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """When it is synced."""
        now = start
        for days in chain([self.first], cycle(self.gaps)):
            now = min(now + timedelta(days=days), end)
            yield now
            if now == end:
                return


def upgrading(life: Life, end: datetime, draw: random.Random) -> Life:
    """The same company, which uses each older API version for a third of its time or less."""
    days = 30 * life.months
    ago = sorted((draw.randint(1, days) for _ in VERSIONS[:-1]), reverse=True)
    upgrades = zip((end - timedelta(days=each) for each in ago), VERSIONS[:-1], strict=True)
    return replace(life, upgrades=tuple(upgrades))


class Histories:
    """Several companies lived and synced, each a Stripe account of its own, folded at once."""

    def __init__(self, lives: Sequence[Life], end: datetime, timezone: str = "UTC") -> None:
        self.lives = lives
        self.evidence: list[Evidence] = []
        self.companies: list[Company] = []
        self.truths: list[Truth] = []
        links: dict[str, str] = {}
        for life in lives:
            company = Company(
                life.seed, life.customers, life.months, end, life.features, life.upgrades
            )
            evidence = Evidence(
                f"acct_{life.seed}",
                LAGS[life.seed % len(LAGS)],
                terse=life.seed % 2 == 1,
                listing=life.seed % 5 == 0,
            )
            for now in life.instants(company.now, end):
                company.advance(now)
                evidence.sync(company)
            accounts = {
                customer: f"{life.seed}/{name}" for customer, name in company.accounts.items()
            }
            if links.keys() & accounts.keys():
                raise AssertionError(
                    "two companies share a customer id: they cannot be folded as one"
                )
            links |= accounts
            self.evidence.append(evidence)
            self.companies.append(company)
            self.truths.append(Truth(company, rate, accounts, timezone))
        self.months = sorted({month for truth in self.truths for month in truth.months()})
        first = self.months[0] if self.months else None
        self.calendar = Calendar(now=end, timezone=timezone, first_month=first)
        self.links = pl.LazyFrame(
            {"customer_id": list(links), "account_id": list(links.values())},
            schema={"customer_id": pl.String, "account_id": pl.String},
        )

    @property
    def rows(self) -> list[dict[str, Any]]:
        """RAW_RECORD rows in the order in which they came."""
        return [row for evidence in self.evidence for row in evidence.rows]

    @property
    def coverage(self) -> list[dict[str, Any]]:
        """COVERAGE rows."""
        return [row for evidence in self.evidence for row in evidence.coverage]

    def folded(self, rows: Sequence[dict[str, Any]] | None = None) -> in_memory.Billing:
        """What billing says of these rows; of all if none are given."""
        return in_memory.fold(
            pl.LazyFrame(self.rows if rows is None else rows, schema=schemas.RAW_RECORD.schema),
            pl.LazyFrame(self.coverage, schema=schemas.COVERAGE.schema),
        )

    def book(self) -> Book:
        """The book of all of them."""
        first = self.calendar.months[0]
        before = [add_months(first, -back) for back in range(1, 13)]
        return book(self.folded(), [*before, *self.calendar.months], self.links)
