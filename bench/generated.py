"""An item timeline at scale, made from a seed by arithmetic on columns alone.

About three spans an account: seats that grow and shrink, upgrades, extra items, percentages and amounts off, yearly and
monthly prices, two currencies, cancellations. Every account is its own customer, and known to a CRM.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from pipeline import schemas
from pipeline.months import Calendar, add_months

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
PRODUCTS, LEVELS = 10, 3
CURRENCIES = ("usd", "eur")
INTERVALS = ("month", "year")
CENTS = 1_900
OWNERS, INDUSTRIES, COUNTRIES, CHANNELS = 40, 20, 30, 6
OFF = (range(15), range(15, 25), range(25, 28))
"""Of a hundred accounts: those with a fifth off for ever, with a half for a while, with an amount."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Numbers that depend on the row's key and a name alone."""

    seed: int
    key: str

    def below(self, name: str, count: int) -> pl.Expr:
        """A whole number from 0 to count - 1."""
        named = pl.concat_str(pl.col(self.key).cast(pl.String), pl.lit(f" {name} {self.seed}"))
        return (named.hash(seed=self.seed) % count).cast(pl.Int64)

    def share(self, name: str) -> pl.Expr:
        """A number from 0 to 1."""
        return self.below(name, 1_000_003) / 1_000_003

    def chance(self, name: str, percent: int) -> pl.Expr:
        """True in so many of a hundred rows."""
        return self.below(name, 100) < percent


def calendar(months: int) -> Calendar:
    """The reporting calendar of so many months up to the current one."""
    current = NOW.date().replace(day=1)
    return Calendar(now=NOW, timezone="UTC", first_month=add_months(current, 1 - months))


def history(seed: int, accounts: int, months: int) -> dict[schemas.Table, pl.DataFrame]:
    """The frames of the lake from which the months of `accounts` accounts are computed."""
    time = calendar(months)
    first = time.first_month
    assert first is not None
    began = int(time.start(first).timestamp())
    span = int(NOW.timestamp()) - began
    timeline = _timeline(seed, accounts, began, span)
    return {
        schemas.ITEM_TIMELINE: timeline,
        schemas.SUBSCRIPTION_PHASE: _phases(seed, timeline),
        schemas.PRICE: _prices(),
        schemas.PRODUCT: _products(),
        schemas.COUPON: _coupons(),
        schemas.FX_RATE: _rates(time),
        schemas.CUSTOMER: _customers(timeline),
        **_accounts(seed, accounts, began, span),
        **{
            table: table.empty()
            for table in (
                schemas.DISCOUNT,
                schemas.USAGE_CHARGE,
                schemas.ACCOUNT_LINK,
            )
        },
    }


def _timeline(seed: int, accounts: int, began: int, span: int) -> pl.DataFrame:
    of_account, of_item, of_span = (Draw(seed, key) for key in ("account", "item", "span"))
    owners = (
        pl.LazyFrame({"account": range(accounts)})
        .with_columns(
            start=began + (span * of_account.share("start").sqrt()).cast(pl.Int64),
            currency=pl.when(of_account.chance("currency", 30))
            .then(pl.lit("eur"))
            .otherwise(pl.lit("usd")),
            interval=pl.when(of_account.chance("interval", 20))
            .then(pl.lit("year"))
            .otherwise(pl.lit("month")),
            churned=of_account.chance("churned", 35),
            off=of_account.below("off", 100),
            items=1
            + of_account.chance("second", 30).cast(pl.Int64)
            + of_account.chance("third", 10),
        )
        .with_columns(
            stop=pl.when("churned")
            .then(
                pl.col("start")
                + ((began + span - pl.col("start")) * (0.1 + 0.9 * of_account.share("stop"))).cast(
                    pl.Int64
                )
            )
            .otherwise(began + span)
        )
    )
    items = (
        owners.with_columns(number=pl.int_ranges("items"))
        .explode("number", empty_as_null=False, keep_nulls=False)
        .with_columns(item=pl.col("account") * 4 + pl.col("number"))
        .with_columns(
            begins=pl.when(pl.col("number") == 0)
            .then("start")
            .otherwise(
                pl.col("start")
                + ((pl.col("stop") - pl.col("start")) * of_item.share("begins")).cast(pl.Int64)
            ),
            product=of_item.below("product", PRODUCTS),
            seats=1 + of_item.below("seats", 50),
            spans=1
            + of_item.chance("two", 65).cast(pl.Int64)
            + of_item.chance("three", 35)
            + of_item.chance("four", 15),
        )
    )
    spans = (
        items.with_columns(place=pl.int_ranges("spans"))
        .explode("place", empty_as_null=False, keep_nulls=False)
        .with_columns(span=pl.col("item") * 8 + pl.col("place"))
        .with_columns(weight=100 + of_span.below("weight", 1000), upgrade=of_span.chance("up", 25))
        .sort("span")
        .with_columns(
            through=pl.col("weight").cum_sum().over("item") / pl.col("weight").sum().over("item"),
            level=(pl.col("upgrade") & (pl.col("place") > 0))
            .cast(pl.Int64)
            .cum_sum()
            .over("item")
            .clip(upper_bound=LEVELS - 1),
            quantity=(
                pl.col("seats")
                + pl.when(pl.col("place") > 0)
                .then(of_span.below("change", 21) - 5)
                .otherwise(0)
                .cum_sum()
                .over("item")
            ).clip(lower_bound=1),
        )
        .with_columns(
            until=pl.col("begins")
            + ((pl.col("stop") - pl.col("begins")) * pl.col("through")).cast(pl.Int64)
        )
        .with_columns(since=pl.col("until").shift(1).over("item").fill_null(pl.col("begins")))
        .filter(pl.col("since") < pl.col("until"))
    )
    instant = {
        name: pl.from_epoch(name, time_unit="s").dt.cast_time_unit("us").dt.replace_time_zone("UTC")
        for name in ("since", "until")
    }
    lasts = (pl.col("place") == pl.col("spans") - 1) & pl.col("churned").not_()
    subscription = pl.format("sub_{}", pl.col("account").cast(pl.String).str.zfill(8))
    rows = spans.with_columns(
        subscription_item_id=pl.format("si_{}", pl.col("item").cast(pl.String).str.zfill(9)),
        subscription_id=subscription,
        customer_id=pl.format("cus_{}", pl.col("account").cast(pl.String).str.zfill(8)),
        source_account=pl.lit(""),
        price_id=pl.format("price_{}_{}_{}_{}", "product", "level", "interval", "currency"),
        price_version=pl.lit(0),
        status=pl.when(of_span.chance("late", 1))
        .then(pl.lit("past_due"))
        .otherwise(pl.lit("active")),
        collection_paused=of_span.chance("paused", 1),
        in_trial=pl.lit(value=False),
        past_due_since=pl.when(of_span.chance("late", 1)).then(instant["since"]),
        cancel_at=None,
        cancel_requested_at=None,
        cancel_reason=pl.when(pl.col("churned") & (pl.col("place") == pl.col("spans") - 1)).then(
            pl.lit("cancellation_requested")
        ),
        discounts=_discounts(),
        net_num=1,
        net_den=1,
        valid_from=instant["since"],
        valid_to=pl.when(lasts.not_()).then(instant["until"]),
        evidence=pl.when(of_span.chance("grade", 5))
        .then(pl.lit("invoiced"))
        .otherwise(pl.lit("exact")),
        opened_by=pl.format("evt_{}", pl.col("span").cast(pl.String).str.zfill(10)),
        closed_by=pl.when(lasts.not_()).then(pl.format("evt_{}", pl.col("span") + 1)),
    )
    return schemas.ITEM_TIMELINE.conform(rows).collect()


def _customers(timeline: pl.DataFrame) -> pl.DataFrame:
    customer = pl.col("customer_id")
    rows = timeline.lazy().select(customer.unique(maintain_order=True)).select(
        customer,
        source_account=pl.lit(""),
        name=pl.format("Customer {}", customer.str.tail(8)),
        email=pl.format("billing@{}.example", customer.str.tail(8)),
        country=pl.lit("US"),
        currency=pl.lit("usd"),
        created=pl.lit(NOW),
        deleted=pl.lit(value=False),
        metadata=pl.lit("{}"),
    )  # fmt: skip
    return schemas.CUSTOMER.conform(rows).collect()


def _phases(seed: int, timeline: pl.DataFrame) -> pl.DataFrame:
    """A schedule of every thirtieth subscription that lives: five seats more of each item, some day to come."""
    none = pl.lit([], dtype=pl.List(pl.String))
    item = pl.struct("price_id", pl.col("quantity") + 5, coupons=none)
    rows = (
        timeline.lazy()
        .filter(pl.col("valid_to").is_null())
        .group_by("subscription_id")
        .agg(items=item, valid_from=pl.col("valid_from").max())
        .filter(Draw(seed, "subscription_id").below("schedule", 30) == 0)
        .sort("subscription_id")
        .with_columns(
            schedule_id=pl.format("sub_sched_{}", "subscription_id"),
            created_at="valid_from",
            ends=pl.lit(value=False),
            starts_at=pl.lit(NOW) + pl.duration(days=100),
            last=pl.lit(value=True),
            coupons=none,
            valid_to=None,
            opened_by=pl.format("evt_{}", "subscription_id"),
            closed_by=None,
        )
    )
    return schemas.SUBSCRIPTION_PHASE.conform(rows).collect()


def _discounts() -> pl.Expr:
    """A fifth off for ever, a half in an item's first span, an amount that the items share."""
    fifth, half, amount = OFF
    off, first = pl.col("off"), pl.col("place") == 0
    coupon = (
        pl.when(off.is_in(fifth))
        .then(pl.lit("FIFTH"))
        .when(off.is_in(half) & first)
        .then(pl.lit("HALF"))
        .when(off.is_in(amount))
        .then(pl.concat_str(pl.lit("AMOUNT_"), "currency"))
    )
    reference = pl.struct(
        discount_id=pl.format("di_{}", "account"), coupon_id=coupon, level=pl.lit("subscription")
    )
    none = pl.lit([], dtype=schemas.ITEM_TIMELINE.column("discounts").dtype)
    return pl.when(coupon.is_null()).then(none).otherwise(pl.concat_list(reference))


def _accounts(seed: int, accounts: int, began: int, span: int) -> dict[schemas.Table, pl.DataFrame]:
    """What a CRM says of each account; a tenth of them went from one owner to another."""
    of_account = Draw(seed, "account")

    def one_of(name: str, count: int) -> pl.Expr:
        return pl.format(f"{name} {{}}", of_account.below(name, count))

    at = began + (span * of_account.share("handed over")).cast(pl.Int64)
    rows = pl.LazyFrame({"account": range(accounts)}).with_columns(
        account_id=pl.format("cus_{}", pl.col("account").cast(pl.String).str.zfill(8)),
        name=pl.format("Company {}", "account"),
        segment=None,
        owner=one_of("Owner", OWNERS),
        industry=one_of("Industry", INDUSTRIES),
        country=one_of("Country", COUNTRIES),
        channel=one_of("Channel", CHANNELS),
        first_paid_month=None,
        source=pl.lit("file"),
        field=pl.lit("owner"),
        at=pl.from_epoch(at, time_unit="s").dt.cast_time_unit("us").dt.replace_time_zone("UTC"),
    )
    handed = rows.filter(of_account.chance("handed", 10))
    first = handed.with_columns(
        value=one_of("Earlier owner", OWNERS), at=pl.col("at") - pl.duration(days=400)
    )
    history = pl.concat([first, handed.with_columns(value="owner")], how="diagonal")
    return {
        schemas.ACCOUNT: schemas.ACCOUNT.conform(rows).collect(),
        schemas.ACCOUNT_HISTORY: schemas.ACCOUNT_HISTORY.conform(history).collect(),
    }


def _prices() -> pl.DataFrame:
    rows = [
        dict.fromkeys(schemas.PRICE.names)
        | {
            "price_id": f"price_{product}_{level}_{interval}_{currency}",
            "currency": currency,
            "product_id": f"prod_{product}_{level}",
            "billing_scheme": "per_unit",
            "usage_type": "licensed",
            "interval": interval,
            "interval_count": 1,
            "scale": 0,
            "unit": CENTS * (product + 1) * (level + 1) * (10 if interval == "year" else 1),
            "price_version": 0,
            "evidence": "exact",
            "amount_known": True,
        }
        for product in range(PRODUCTS)
        for level in range(LEVELS)
        for interval in INTERVALS
        for currency in CURRENCIES
    ]
    return pl.DataFrame(rows, schema=schemas.PRICE.schema)


def _products() -> pl.DataFrame:
    rows = [
        {"product_id": f"prod_{product}_{level}", "name": f"Product {product}, level {level}"}
        for product in range(PRODUCTS)
        for level in range(LEVELS)
    ]
    filled = [dict.fromkeys(schemas.PRODUCT.names) | row for row in rows]
    return pl.DataFrame(filled, schema=schemas.PRODUCT.schema)


def _coupons() -> pl.DataFrame:
    shared = dict.fromkeys(schemas.COUPON.names) | {
        "currency": "", "rounded": False, "duration": "forever", "full": True,
    }  # fmt: skip
    rows = [
        shared | {"coupon_id": "FIFTH", "percent_ppm": 200_000},
        shared | {"coupon_id": "HALF", "percent_ppm": 500_000, "duration": "repeating"},
        *(
            shared | {"coupon_id": f"AMOUNT_{each}", "currency": each, "amount_off": 1_000}
            for each in CURRENCIES
        ),
    ]
    return pl.DataFrame(rows, schema=schemas.COUPON.schema)


def _rates(time: Calendar) -> pl.DataFrame:
    """The rate of the euro moves a little each month."""
    assert time.first_month is not None
    before = [add_months(time.first_month, -n) for n in range(12, 0, -1)]
    rows = [
        dict.fromkeys(schemas.FX_RATE.names)
        | {
            "month": month,
            "currency": currency,
            "rate": 10**12 if currency == "usd" else 10**12 + (place % 17) * 10**10,
            "source": "fixed",
            "frozen": True,
        }
        for place, month in enumerate([*before, *time.months])
        for currency in CURRENCIES
    ]
    return pl.DataFrame(rows, schema=schemas.FX_RATE.schema)
