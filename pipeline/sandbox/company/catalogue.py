"""What the simulated company sells: products, prices, coupons, promotion codes.

What belongs here: the price list as data. What does not: Stripe's shapes (`render`) and who buys.
Every kind of pricing that the method names is on the list: per unit with fractional cents,
graduated and volume tiers with flat fees, `transform_quantity`, weeks, 30 days, quarters, years,
usage, euro prices of their own and euro amounts as currency options.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pipeline.sandbox.company.ids import Ids
from pipeline.sandbox.company.pricing import Amounts, Price, Tier

PLANS = ("starter", "pro", "enterprise")
CONNECTORS = (
    "Ledger", "Parcel", "Harbor", "Beacon", "Quill", "Orchard", "Summit", "Lantern", "Meadow",
    "Anchor",
)  # fmt: skip

PRODUCTS: dict[str, tuple[str, str | None]] = {
    "starter": ("Starter", "seat"),
    "pro": ("Pro", "seat"),
    "enterprise": ("Enterprise", "seat"),
    "support": ("Priority support", None),
    "retention": ("Data retention", "terabyte"),
    "api": ("API usage", "call"),
    "insights": ("Insights", "viewer"),
} | {f"connector-{name.lower()}": (f"Connector: {name}", None) for name in CONNECTORS}


@dataclass(frozen=True)
class Coupon:
    """A coupon; amounts in minor units by currency, the first currency is the coupon's own."""

    id: str
    name: str
    duration: str
    months: int | None = None
    percent_off: str | None = None
    amount_off: dict[str, int] = field(default_factory=dict, hash=False, compare=False)
    products: tuple[str, ...] = ()
    created: int = 0
    code: str | None = None


def _tiers(*rows: tuple[int | None, str | None, str | None]) -> Amounts:
    return Amounts(tiers=tuple(Tier(*row) for row in rows))


class Row(NamedTuple):
    """One price on the list; `eur` are the euro amounts of a dollar price."""

    key: str
    amounts: Amounts
    interval: str = "month"
    every: int = 1
    currency: str = "usd"
    eur: Amounts | None = None
    tiers_mode: str | None = None
    divide_by: int | None = None
    usage_type: str = "licensed"


def _price_list() -> list[Row]:
    """Every price by key."""
    unit = Amounts
    month = (
        _tiers((25, "6900", "25000"), (100, "5950", None), (None, "4925.5", None)),
        _tiers((25, "6400", "23000"), (100, "5500", None), (None, "4575.5", None)),
    )
    year = (
        _tiers((50, "72000", "250000"), (200, "64800", "250000"), (None, "54000", None)),
        _tiers((50, "67000", "230000"), (200, "60000", "230000"), (None, "50000", None)),
    )
    terabytes = (
        _tiers((5, "2500", None), (20, "1999.9", "5000"), (None, "1500", "5000")),
        _tiers((5, "2300", None), (20, "1849.9", "4600"), (None, "1400", "4600")),
    )
    rows = [
        Row("starter/month", unit("1500")),
        Row("starter/year", unit("14999.5"), "year"),
        Row("starter/week", unit("425.25"), "week"),
        Row("starter/month/eur", unit("1400"), currency="eur"),
        Row("starter/year/eur", unit("13999.5"), "year", currency="eur"),
        Row("pro/month", unit("3900")),
        Row("pro/year", unit("38999.4"), "year"),
        Row("pro/quarter", unit("11100"), every=3),
        Row("pro/month/eur", unit("3650"), currency="eur"),
        Row("pro/year/eur", unit("36499.4"), "year", currency="eur"),
        Row("enterprise/month", month[0], eur=month[1], tiers_mode="graduated"),
        Row("enterprise/year", year[0], "year", eur=year[1], tiers_mode="volume"),
        Row("support/month", unit("14900"), eur=unit("13900")),
        Row("support/year", unit("149000"), "year", eur=unit("139000")),
        Row("retention/month", terabytes[0], eur=terabytes[1], tiers_mode="graduated"),
        Row("api/month", unit("0.35"), eur=unit("0.325"), usage_type="metered"),
        Row("insights/month", unit("4500"), eur=unit("4200"), divide_by=5),
        Row("insights/30days", unit("4400"), "day", 30, eur=unit("4100"), divide_by=5),
        Row("insights/year", unit("44999"), "year", eur=unit("41999"), divide_by=5),
    ]
    for number, name in enumerate(CONNECTORS):
        cents = 900 + 150 * number
        key = f"connector-{name.lower()}/month"
        rows.append(Row(key, unit(str(cents)), eur=unit(str(cents - 50))))
    return rows


class Catalogue:
    """The company's price list, with the ids that this company's Stripe gave it."""

    def __init__(self, ids: Ids, created: int) -> None:
        self.created = created
        self.products = {key: ids.new("prod") for key in PRODUCTS}
        self.names = {self.products[key]: name for key, (name, _) in PRODUCTS.items()}
        self.unit_labels = {self.products[key]: label for key, (_, label) in PRODUCTS.items()}
        self.by_id: dict[str, Price] = {}
        self.by_key: dict[str, Price] = {}
        meter = "mtr_" + ids.letters("prod", 24)
        for row in _price_list():
            self._add(ids, row, meter)
        self.coupons = {coupon.id: coupon for coupon in self._coupons()}

    def _add(self, ids: Ids, row: Row, meter: str) -> None:
        product = self.products[row.key.split("/", maxsplit=1)[0]]
        self.put(
            Price(
                id=ids.new("price"),
                key=row.key,
                product=product,
                currency=row.currency,
                amounts=row.amounts,
                interval=row.interval,
                interval_count=row.every,
                usage_type=row.usage_type,
                tiers_mode=row.tiers_mode,
                divide_by=row.divide_by,
                meter=meter if row.usage_type == "metered" else None,
                created=self.created,
                options={"eur": row.eur} if row.eur else {},
            )
        )

    def put(self, price: Price) -> None:
        """List a price; one with the same key takes the place of the older one for new sales."""
        self.by_id[price.id] = price
        self.by_key[price.key] = price

    def name_prices(self) -> None:
        """Every price gets a lookup key, which stays when the price is replaced."""
        for price in list(self.by_id.values()):
            self.put(replace(price, lookup_key=price.key.replace("/", "_")))

    def price(self, key: str, currency: str) -> Price:
        """What a customer who pays in `currency` buys under this key."""
        own = self.by_key.get(f"{key}/{currency}")
        return own if own is not None else self.by_key[key]

    def sells(self, key: str, currency: str) -> bool:
        """Whether the key can be bought in the currency."""
        own = f"{key}/{currency}" in self.by_key
        price = self.by_key.get(key)
        return own or (
            price is not None
            and (price.currency == currency or currency in price.options.keys() - price.hidden)
        )

    def plan_of(self, price: Price) -> str:
        """The product key of a price: starter, pro, enterprise, support, ..."""
        return price.key.split("/", maxsplit=1)[0]

    def _coupons(self) -> list[Coupon]:
        plans = (self.products["pro"], self.products["enterprise"])
        add_ons = (self.products["support"], self.products["retention"])
        both = {"usd": 5000, "eur": 4500}
        small = {"usd": 3000, "eur": 2700}
        rows = [
            Coupon("WELCOME20", "20% off for 3 months", "repeating", 3, "20", code="WELCOME"),
            Coupon("ANNUAL10", "10% off", "forever", None, "10"),
            Coupon("LOYAL15", "15% off for 6 months", "repeating", 6, "15"),
            Coupon("PARTNER25", "Partner 25.5% off", "forever", None, "25.5", code="PARTNER"),
            Coupon("SAVE50", "50 off a cycle", "forever", None, None, both),
            Coupon("LAUNCH30", "30 off for 4 months", "repeating", 4, None, small, code="LAUNCH"),
            Coupon("SORRY100", "100 off once", "once", None, None, {"usd": 10000, "eur": 9000}),
            Coupon("ONCE25", "25% off once", "once", None, "25"),
            Coupon("FREEMONTHS", "Two months free", "repeating", 2, "100"),
            Coupon("PLANS12", "12.5% off Pro and Enterprise", "forever", None, "12.5", {}, plans),
            Coupon("ADDON30", "30% off add-ons", "repeating", 6, "30", {}, add_ons),
            Coupon("COMMUNITY", "Free for good causes", "forever", None, "100"),
        ]
        return [Coupon(**{**vars(row), "created": self.created}) for row in rows]
