"""How often customers want what: the probabilities of a month of a normal company.

What belongs here: one row per kind of act, and the names of the features that switch groups of
them on. What does not: the acts (`behaviour`).
"""

from typing import NamedTuple

FEATURES = frozenset({
    "trials", "usage", "coupons", "add_ons", "intervals", "pauses", "failures", "cancellations",
    "returns", "second_subscriptions", "schedules", "euro", "several_customers", "credit_notes",
    "deletions", "unprorated", "many_items", "midnight", "price_changes", "plan_changes", "seats",
})  # fmt: skip
TURNS = frozenset({
    "anchors", "annotations", "chosen_ends", "customer_discounts", "deleted_coupons", "deleted_customers",
    "item_trials", "mergers", "mixed_currencies", "pending_updates", "phases", "replacements",
    "resumptions", "returning_items", "swapped_items", "trial_changes", "zero_quantities",
})  # fmt: skip
BILLS = frozenset({
    "taxes", "tax_changes", "backdating", "prebilling", "one_offs", "balances", "item_coupons",
    "currencies", "late_voids", "option_edits",
})  # fmt: skip
CRM_TURNS = frozenset({
    "agencies", "archived_records", "contact_emails", "crm_metadata", "duplicates", "free_mail",
    "messy_domains", "owner_changes", "several_ids", "stray_deals", "unfilled_ids",
})  # fmt: skip
"""What happens in the CRM beside the usual: customers buy what they would buy without it."""
SALESFORCE_IDS = "salesforce_ids"
"""What `crm_metadata` writes into Stripe are Salesforce's ids and not HubSpot's."""
REASONS = "reasons"
"""Customers want seats because people use them (`reasons`), and not by chance alone."""
RARE = BILLS | TURNS | {"lookup_keys", "coincidences"}
"""Features that a company has only if it is asked to: they draw their chances apart from the usual ones.

`coincidences`: a turn may be taken in the very second in which the subscription renews.
"""


class Wish(NamedTuple):
    """An act, its chance per month, the feature it belongs to, and when it can happen."""

    name: str
    chance: float
    feature: str
    growth: bool = False
    when_late: bool = False


WISHES = (
    Wish("more_seats", 0.11, "seats", growth=True, when_late=True),
    Wish("fewer_seats", 0.045, "seats", when_late=True),
    Wish("upgrade", 0.016, "plan_changes", growth=True),
    Wish("downgrade", 0.009, "plan_changes"),
    Wish("take_add_on", 0.035, "add_ons", growth=True),
    Wish("grow_add_on", 0.03, "add_ons", growth=True),
    Wish("drop_add_on", 0.010, "add_ons"),
    Wish("go_yearly", 0.010, "intervals"),
    Wish("go_monthly", 0.004, "intervals"),
    Wish("second_subscription", 0.008, "second_subscriptions", growth=True),
    Wish("coupon", 0.016, "coupons"),
    Wish("lose_coupon", 0.010, "coupons"),
    Wish("pause_collection", 0.004, "pauses"),
    Wish("pause", 0.004, "pauses"),
    Wish("cancel_later", 0.017, "cancellations"),
    Wish("cancel_now", 0.007, "cancellations", when_late=True),
    Wish("goodwill", 0.010, "credit_notes"),
    Wish("rename", 0.010, "seats"),
    Wish("delete", 0.001, "deletions"),
    Wish("new_list_price", 0.025, "price_changes", growth=True),
)
SHRINKING = frozenset({"fewer_seats", "downgrade", "drop_add_on", "cancel_later", "cancel_now"})
