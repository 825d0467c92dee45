"""What an explanation says, as plain values.

Belongs here: the shape. Money is micro-units: `End.*_native` in the item's own currency, everything else in the
reporting currency at the month's rates. How it is found is in `explain`, how it is shown in `text` and `document`.
"""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """One record that proves a change, or one end of it.

    Attributes:
        kind: event, listing, invoice_line, invoice_item, invoice, discount, or `unknown` where the raw store no longer
            holds it.
        id: of the event, invoice line, invoice item, invoice or discount; of the sync for a listing.
        what: an event's type.
        within: the invoice of a line or invoice item; the subscription that a listing showed.
        at: when the change took effect.
        since: for a bounded change: it happened after this instant and at `at` at the latest.
        recorded_at: the instant of the record itself.
        subscription_item_id: the item that changed.
        aspect: counting, quantity, price, discount or usage.
        before: what held until then, in words; null where there was nothing, or the record shows the later end only.
        after: what held from then on, likewise.
        evidence: exact, invoiced, bounded or inferred, of this change.
    """

    kind: str
    id: str | None
    what: str | None
    within: str | None
    at: datetime | None
    since: datetime | None
    recorded_at: datetime | None
    subscription_item_id: str
    aspect: str
    before: str | None
    after: str | None
    evidence: str


@dataclass(frozen=True, slots=True)
class End:
    """An item at one end of the window, with all that its value is computed from.

    Attributes:
        price: the price in words.
        discounts: the discounts that count, in order, in words.
        usage: the charge that counts, in words; null unless metered.
        net_of_tax: the share of the price that inclusive tax leaves, as `100/119`; null where there is none inside.
        list_native: a month, before discounts and without inclusive tax; discount_native what the discounts take off;
            mrr_native what is left.
        rate: reporting currency for one unit at the month's end, scaled by 1e12; the same for both ends.
        value: mrr_native at that rate.
    """

    subscription_item_id: str
    subscription_id: str
    product_id: str | None
    plan: str | None
    price_id: str
    price: str
    quantity: int | None
    status: str
    discounts: tuple[str, ...]
    usage: str | None
    currency: str
    net_of_tax: str | None
    list_native: int
    discount_native: int
    mrr_native: int
    rate: int
    value: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Component:
    """One component of the account's delta.

    Attributes:
        said: what changed, in words.
        from_value: the item's value before this component, on the path quantity, price, discounts.
        to_value: its value after it.
    """

    type: str
    amount: int
    subscription_item_id: str
    paired_item_id: str | None
    product_id: str | None
    plan: str | None
    said: str
    from_value: int
    to_value: int
    evidence: str
    opening: End | None
    closing: End | None
    proofs: tuple[Proof, ...]


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of a currency was worth at both ends, scaled by 1e12, and where that is from."""

    currency: str
    opening: int | None
    closing: int | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Within:
    """What went up and down within the month, which its movement does not show.

    Attributes:
        changes: seconds in which the account's value changed.
        up_mrr, down_mrr: sums of the increases and of the decreases, both positive.
        passing_items: items that counted within the month alone.
    """

    changes: int
    up_mrr: int
    down_mrr: int
    passing_items: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one account's MRR moved between the ends of two months.

    Attributes:
        movement: new, expansion, contraction, churn, reactivation, or `none`.
        opening_at, closing_at: the boundaries; a change counts from opening_at until before closing_at.
        rates: of the foreign currencies that the account held at the opening end.
        unchanged_items: items held at both ends without a component.
        within: what was undone within the month; null where nothing was, and in longer windows.
        why: why the account-month's evidence is what it is.
    """

    account_id: str
    name: str | None
    customers: tuple[str, ...]
    month: date
    window_months: int
    opening_month: date
    opening_at: datetime
    closing_at: datetime
    provisional: bool
    currency: str
    policy: str
    movement: str
    churn_kind: str | None
    opening_mrr: int
    fx_mrr: int
    delta_mrr: int
    closing_mrr: int
    rates: tuple[Rate, ...]
    components: tuple[Component, ...]
    unchanged_items: int
    within: Within | None
    evidence: str
    why: tuple[str, ...]

    @property
    def components_sum(self) -> int:
        """The sum of the components."""
        return sum(each.amount for each in self.components)

    @property
    def holds(self) -> bool:
        """Whether opening + fx + components = closing."""
        return self.opening_mrr + self.fx_mrr + self.components_sum == self.closing_mrr
