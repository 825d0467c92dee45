"""A month's snapshot: every counting item with its value in the reporting currency."""

from dataclasses import dataclass
from decimal import Decimal

from pipeline.sandbox.truth.history import Standing
from pipeline.sandbox.truth.value import half_even, rate_fraction


@dataclass(frozen=True)
class ItemValue:
    """One row of `mrr_snapshot`; money in micro-units per month.

    `standing` keeps the native side, for points between two snapshots.
    """

    item_id: str
    account_id: str
    customer_id: str
    subscription_id: str
    product_id: str
    price_id: str
    plan: str
    currency: str
    interval: str
    usage_type: str
    status: str
    quantity: int | None
    list_mrr: int
    discount_mrr: int
    mrr: int
    mrr_native: int
    standing: Standing


def label(interval: str, count: int) -> str:
    """The billing interval in words: `month`, `3 month`, `30 day`."""
    return interval if count == 1 else f"{count} {interval}"


def reported(native: int, rate: Decimal) -> int:
    """Native micro-units in the reporting currency."""
    return half_even(native * rate_fraction(rate))


def item_value(standing: Standing, account: str, plans: dict[str, str], rate: Decimal) -> ItemValue:
    """A counting item valued at a rate."""
    price, ledger = standing.price, standing.ledger
    listed = reported(standing.list_native, rate)
    net = reported(standing.native, rate)
    return ItemValue(
        item_id=ledger.item,
        account_id=account,
        customer_id=ledger.customer,
        subscription_id=ledger.subscription,
        product_id=price.product,
        price_id=price.id,
        plan=plans.get(price.id, plans.get(price.product, price.product)),
        currency=ledger.currency,
        interval=label(price.interval, price.interval_count),
        usage_type=price.usage_type,
        status=standing.state.status,
        quantity=standing.state.quantity,
        list_mrr=listed,
        discount_mrr=listed - net,
        mrr=net,
        mrr_native=standing.native,
        standing=standing,
    )
