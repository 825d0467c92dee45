"""What each Stripe object holds besides plain values, as API version 2026-10-28.endive has it.

Belongs here: which fields are references (ids unless expanded), which appear only when asked for,
which are lists that are cut at ten. A test holds the references against the stripe package.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

API_VERSION = "2026-10-28.endive"
EMBEDDED_LIMIT = 10


@dataclass(frozen=True, slots=True)
class StripeType:
    """One kind of object. Paths are dotted; a path through an array means each of its elements."""

    name: str
    permission: str
    """What a restricted key needs to read it."""
    refs: Mapping[str, str] = field(default_factory=dict)
    """Path -> type of the object that the id names."""
    includes: frozenset[str] = frozenset()
    """Fields that appear only when expanded."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """Embedded lists -> type of their elements."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Path -> type of an object that is always there in full."""
    collection: str | None = None
    """Where the company keeps such objects; None: only inside others."""

    @property
    def write_permission(self) -> str:
        """What a restricted key needs to change it."""
        return f"{self.permission.removesuffix('_read')}_write"


def _types(*types: StripeType) -> dict[str, StripeType]:
    return {entry.name: entry for entry in types}


TYPES: Mapping[str, StripeType] = _types(
    StripeType(
        "customer",
        "rak_customer_read",
        includes=frozenset({"cash_balance", "sources", "subscriptions", "tax", "tax_ids"}),
        parts={"discount": "discount"},
        collection="customer",
    ),
    StripeType(
        "product",
        "rak_product_read",
        refs={"default_price": "price"},
        collection="product",
    ),
    StripeType(
        "price",
        "rak_plan_read",
        refs={"product": "product"},
        includes=frozenset({"currency_options", "tiers"}),
        collection="price",
    ),
    StripeType(
        "plan",
        "rak_plan_read",
        refs={"product": "product"},
        includes=frozenset({"tiers"}),
    ),
    StripeType(
        "coupon",
        "rak_coupon_read",
        includes=frozenset({"applies_to", "currency_options"}),
        collection="coupon",
    ),
    StripeType(
        "promotion_code",
        "rak_promotion_code_read",
        refs={"customer": "customer", "promotion.coupon": "coupon"},
        collection="promotion_code",
    ),
    StripeType(
        "discount",
        "rak_coupon_read",
        refs={
            "customer": "customer",
            "promotion_code": "promotion_code",
            "source.coupon": "coupon",
        },
        collection="discount",
    ),
    StripeType(
        "subscription",
        "rak_subscription_read",
        refs={
            "customer": "customer",
            "discounts": "discount",
            "latest_invoice": "invoice",
            "pending_update.discounts": "discount",
            "schedule": "subscription_schedule",
        },
        lists={"items": "subscription_item"},
        collection="subscription",
    ),
    StripeType(
        "subscription_item",
        "rak_subscription_read",
        refs={"discounts": "discount"},
        parts={"price": "price", "plan": "plan"},
    ),
    StripeType(
        "subscription_schedule",
        "rak_subscription_read",
        refs={
            "customer": "customer",
            "phases.discounts.coupon": "coupon",
            "phases.discounts.discount": "discount",
            "phases.discounts.promotion_code": "promotion_code",
            "phases.items.discounts.coupon": "coupon",
            "phases.items.discounts.discount": "discount",
            "phases.items.discounts.promotion_code": "promotion_code",
            "phases.items.plan": "plan",
            "phases.items.price": "price",
            "subscription": "subscription",
        },
        collection="subscription_schedule",
    ),
    StripeType(
        "invoice",
        "rak_invoice_read",
        refs={
            "customer": "customer",
            "discounts": "discount",
            "from_invoice.invoice": "invoice",
            "latest_revision": "invoice",
            "parent.subscription_details.subscription": "subscription",
            "total_discount_amounts.discount": "discount",
            "total_pretax_credit_amounts.discount": "discount",
        },
        includes=frozenset({"confirmation_secret", "payments"}),
        lists={"lines": "line_item"},
        collection="invoice",
    ),
    StripeType(
        "line_item",
        "rak_invoice_read",
        refs={
            "discount_amounts.discount": "discount",
            "discounts": "discount",
            "pretax_credit_amounts.discount": "discount",
            "pricing.price_details.price": "price",
            "subscription": "subscription",
        },
    ),
    StripeType(
        "invoiceitem",
        "rak_invoice_read",
        refs={
            "customer": "customer",
            "discounts": "discount",
            "invoice": "invoice",
            "pricing.price_details.price": "price",
            "proration_details.discount_amounts.discount": "discount",
        },
        collection="invoiceitem",
    ),
    StripeType(
        "credit_note",
        "rak_credit_note_read",
        refs={
            "customer": "customer",
            "discount_amounts.discount": "discount",
            "invoice": "invoice",
            "pretax_credit_amounts.discount": "discount",
        },
        lists={"lines": "credit_note_line_item"},
        collection="credit_note",
    ),
    StripeType(
        "credit_note_line_item",
        "rak_credit_note_read",
        refs={
            "discount_amounts.discount": "discount",
            "pretax_credit_amounts.discount": "discount",
        },
    ),
    StripeType("event", "rak_event_read", collection="event"),
    StripeType("account", "rak_accounts_kyc_basic_read"),
)
