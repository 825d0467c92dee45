"""Taking expanded objects apart: one object, one record, references as ids.

Belongs here: discounts and coupons that Stripe returns inside other objects. They have no list of their own (discounts)
or may be deleted (coupons), so what is seen inside others is kept as records of streams `discount` and `coupon`. An
event carries ids where a list carries objects; taken apart, both have one shape.
"""

from typing import Any

Json = dict[str, Any]


class Found:
    """The embedded objects of one sync, by id; the last one seen stays."""

    def __init__(self) -> None:
        self.discounts: dict[str, Json] = {}
        self.coupons: dict[str, Json] = {}

    def reference(self, value: Any) -> Any:
        """`value` as its id, remembering the object where one is there."""
        if not isinstance(value, dict) or not isinstance(value.get("id"), str):
            return value
        if value.get("object") == "coupon":
            self.coupons[value["id"]] = value
        elif value.get("object") == "discount":
            source = value.get("source")
            if isinstance(source, dict):
                value = {
                    **value,
                    "source": {**source, "coupon": self.reference(source.get("coupon"))},
                }
            self.discounts[value["id"]] = value
        return value["id"]

    def references(self, values: Any) -> Any:
        """A list with every embedded object as its id."""
        return [self.reference(value) for value in values] if isinstance(values, list) else values


def take_apart(record: Json, found: Found) -> None:
    """Replaces the discounts inside `record` (a customer, subscription, invoice, invoice item) by their ids."""
    if isinstance(record.get("discount"), dict):
        record["discount"] = found.reference(record["discount"])
    if "discounts" in record:
        record["discounts"] = found.references(record["discounts"])
    for name in ("items", "lines"):
        listing = record.get(name)
        data = listing.get("data") if isinstance(listing, dict) else None
        for each in data if isinstance(data, list) else []:
            if isinstance(each, dict) and "discounts" in each:
                each["discounts"] = found.references(each["discounts"])
