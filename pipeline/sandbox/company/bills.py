"""The rare features that change bills (`wishes.BILLS`), put together in the order in which they act."""

from collections.abc import Callable

from pipeline.sandbox.company.backdating import Backdating
from pipeline.sandbox.company.books import Books
from pipeline.sandbox.company.currencies import Currencies
from pipeline.sandbox.company.item_coupons import ItemCoupons
from pipeline.sandbox.company.late_voids import LateVoids
from pipeline.sandbox.company.one_offs import OneOffs
from pipeline.sandbox.company.prebilling import Prebilling
from pipeline.sandbox.company.records import Subscription
from pipeline.sandbox.company.subscriptions import Subscriptions
from pipeline.sandbox.company.taxpayers import Taxpayers


def bills(
    subscriptions: Subscriptions, seed: int, chosen: frozenset[str]
) -> list[Callable[[Subscription], None]]:
    """What the chosen features do to a new subscription before its first invoice."""
    books, discounts = subscriptions.books, subscriptions.discounts
    found: list[Callable[[Subscription], None]] = []
    if "taxes" in chosen:
        found.append(Taxpayers(books, seed, "tax_changes" in chosen).prepare)
    if "item_coupons" in chosen:
        found.append(ItemCoupons(books, seed, discounts).prepare)
    if "backdating" in chosen:
        found.append(Backdating(books, seed).prepare)
    if "prebilling" in chosen:
        found.append(Prebilling(books, seed, subscriptions.invoicing, discounts).prepare)
    if chosen & {"one_offs", "balances"}:
        found.append(OneOffs(books, seed, chosen).prepare)
    if "late_voids" in chosen:
        found.append(LateVoids(books, seed, subscriptions.invoicing).prepare)
    return found


def currencies(books: Books, seed: int, chosen: frozenset[str]) -> Currencies | None:
    """Further currencies, after every coupon is listed."""
    return Currencies(books.catalogue, seed) if "currencies" in chosen else None
