"""Components told: both ends of an item, what changed in words, and the proofs as values.

Belongs here: rows of frames become the values of `explanation`. Formats of a price or a discount are in `words`.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline import mrr
from pipeline.billing.charges import PRICED_BY
from pipeline.explain import grounds, words
from pipeline.explain.explanation import Component, End, Proof
from pipeline.explain.steps import ITEM

Row = Mapping[str, Any]


class Told:
    """Prices, coupons and charges of a book in words, looked up by id."""

    def __init__(self, book: mrr.Book, charged: pl.DataFrame) -> None:
        labels = book.prices().select(*PRICED_BY, "billing_interval")
        prices = book.price.join(labels, on=PRICED_BY).collect()
        self._prices: dict[tuple[str, str, int], Row] = {
            (row["price_id"], row["currency"], row["price_version"]): row
            for row in prices.to_dicts()
        }
        self._coupons: dict[str, Row] = {
            row["coupon_id"]: row for row in book.coupon.sort("currency").collect().to_dicts()
        }
        self._charges = {(row[ITEM], row["end"]): row for row in charged.to_dicts()}

    def price(self, price_id: str, currency: str, version: int = 0) -> str:
        """A price in words."""
        return words.price(self._prices.get((price_id, currency, version)), price_id, currency)

    def discounts(self, row: Row) -> tuple[str, ...]:
        """The discounts of an item at an end that count, in words."""
        counted = set(row["counted"])
        return tuple(
            words.coupon(self._coupons.get(each["coupon_id"]), each["coupon_id"])
            for each in row["discounts"]
            if each["discount_id"] in counted
        )

    def charge(self, item: str, end: str) -> str | None:
        """The usage charge that counts at an end, in words."""
        row = self._charges.get((item, end))
        if row is None:
            return None
        start, stop = (int(row[name].timestamp()) for name in ("period_start", "period_end"))
        return words.charge(row["amount"], row["currency"], start, stop)

    def changed(self, aspect: str, value: str | None) -> str | None:
        """What a step's `before` or `after` says."""
        if aspect == "counting":
            return words.state(value)
        if value is None:
            return None
        if aspect == "price":
            price_id, currency, version, net = value.split("|")
            said = price_id
            if (price_id, currency, 1) in self._prices:
                said += f" at {self.price(price_id, currency, int(version))}"
            return f"{said} ({net} of it is net of tax)" if net else said
        if aspect == "usage":
            amount, currency, start, end = value.split("|")
            return words.charge(int(amount), currency, int(start), int(end))
        return value or "none"


def components(
    found: pl.DataFrame, ends: pl.DataFrame, proofs: pl.DataFrame, held: Told
) -> tuple[Component, ...]:
    """The components with both ends, their words and their proofs.

    Args:
        found: the frame of `grounds.parts`.
        ends: the items that count at both ends.
        proofs: records, one row per part and record.
        held: words by id.
    """
    at = {(row[ITEM], row["end"]): _end(row, held) for row in ends.to_dicts()}
    by_part: dict[int, list[Proof]] = {}
    for row in proofs.to_dicts():
        by_part.setdefault(row["part"], []).append(_proof(row, held))
    return tuple(
        _component(
            row,
            at.get((row["opening_item"], "opening")),
            at.get((row["closing_item"], "closing")),
            tuple(by_part.get(row["part"], ())),
        )
        for row in found.to_dicts()
    )


def _end(row: Row, held: Told) -> End:
    metered = row["usage_type"] == "metered"
    charge = held.charge(row[ITEM], row["end"]) or "nothing billed yet"
    return End(
        price=held.price(row["price_id"], row["currency"], row["price_version"]),
        discounts=held.discounts(row),
        usage=charge if metered else None,
        net_of_tax=None
        if row["net_num"] == row["net_den"]
        else f"{row['net_num']}/{row['net_den']}",
        **{
            name: row[name]
            for name in (
                ITEM, "subscription_id", "product_id", "plan", "price_id", "quantity", "status", "currency",
                "list_native", "discount_native", "mrr_native", "rate", "value", "evidence",
            )
        },
    )  # fmt: skip


def _proof(row: Row, held: Told) -> Proof:
    aspect = row["aspect"]
    return Proof(
        kind=row["kind"] or "unknown",
        id=row["proof"],
        before=held.changed(aspect, row["before"]),
        after=held.changed(aspect, row["after"]),
        **{
            name: row[name]
            for name in ("what", "within", "at", "since", "recorded_at", ITEM, "aspect", "evidence")
        },
    )


def _component(
    row: Row, opening: End | None, closing: End | None, proofs: tuple[Proof, ...]
) -> Component:
    shown = closing or opening
    return Component(
        plan=shown.plan if shown else None,
        said=_said(row, opening, closing),
        opening=opening,
        closing=closing,
        proofs=proofs,
        **{
            name: row[name]
            for name in (
                "type", "amount", ITEM, "paired_item_id", "product_id", "from_value", "to_value", "evidence",
            )
        },
    )  # fmt: skip


def _said(row: Row, opening: End | None, closing: End | None) -> str:
    """What a component of a type means, from what is held at both ends."""
    if opening is None or closing is None:
        end = closing or opening
        verb = "came" if opening is None else "left"
        return f"{verb}: {_held(end)}" if end else verb
    kind = row["type"]
    if kind == "discount":
        return _off(opening, closing)
    if opening.usage or closing.usage or kind in grounds.WHOLE:
        return f"{_held(opening)} → {_held(closing)}"
    if kind == "seat":
        return f"{opening.quantity or 1:,} → {closing.quantity or 1:,} units at {opening.price}"
    if kind == "plan":
        quantity = closing.quantity if row["seats"] else opening.quantity
        return f"{opening.plan}, {_at(quantity, opening)} → {closing.plan}, {_priced(closing)}"
    return f"{closing.quantity or 1:,} units: {opening.price} → {closing.price}"


def _off(opening: End, closing: End) -> str:
    """What became of the discounts; the same ones take off another amount where items share it anew."""
    before, after = words.off(opening.discounts), words.off(closing.discounts)
    if opening.discounts != closing.discounts:
        return f"{before} → {after}"
    taken = [words.native(end.discount_native, end.currency) for end in (opening, closing)]
    return f"{before}: takes off {taken[0]} → {taken[1]} a month"


def _priced(end: End) -> str:
    return end.usage or _at(end.quantity, end)


def _at(quantity: int | None, end: End) -> str:
    return f"{quantity or 1:,} at {end.price}"


def _held(end: End) -> str:
    less = f", less {words.off(end.discounts)}" if end.discounts else ""
    return f"{_priced(end)}{less}"
