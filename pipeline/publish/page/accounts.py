"""The accounts that moved most in a month: who owns them, what changed, and what proves it.

Belongs here: reading them from the warehouse. Money is in major units of the reporting currency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from pipeline import schemas
from pipeline.database import table_of
from pipeline.months import add_months
from pipeline.publish.page.given import Given

TOP = 10
DOWN = ("contraction", "churn")
STATE = ("plan", "quantity", "mrr", "discount_mrr", "billing_interval", "status", "subscription_id")


@dataclass(frozen=True, slots=True)
class End:
    """An item at the end of a month; `mrr` and `discount` in major units."""

    plan: str
    quantity: int | None
    mrr: float
    discount: float
    interval: str
    status: str
    subscription_id: str


@dataclass(frozen=True, slots=True)
class Part:
    """One component of an account's movement.

    Attributes:
        type: seat, plan and so on.
        amount: signed.
        item: the subscription item.
        product: its product's id.
        opening: the item (or its partner) at the opening end; null where it did not count.
        closing: at the closing end.
        attribution: who brought it; null where nobody is asked.
        deal: the deal that explains it.
        proofs: ids of what proves the item's states.
    """

    type: str
    amount: float
    item: str
    product: str
    opening: End | None
    closing: End | None
    attribution: str | None
    deal: str | None
    proofs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mover:
    """An account that grew or shrank."""

    account_id: str
    name: str
    owner: str | None
    movement: str
    opening: float
    fx: float
    delta: float
    closing: float
    churn_kind: str | None
    evidence: str
    parts: tuple[Part, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """The types of its components, largest first."""
        return tuple(dict.fromkeys(part.type for part in self.parts))


def movers(connection: Connection, month: date, given: Given) -> tuple[Mover, ...]:
    """The accounts that expanded most, then those that lost most."""
    rows = [
        *_top(connection, month, ("expansion",), largest=True),
        *_top(connection, month, DOWN, largest=False),
    ]
    parts = _parts(connection, month, [row["account_id"] for row in rows], given)
    return tuple(_mover(row, parts.get(row["account_id"], ())) for row in rows)


def _mover(row: Mapping[str, Any], parts: tuple[Part, ...]) -> Mover:
    return Mover(
        account_id=row["account_id"],
        name=row["name"] or row["account_id"],
        owner=row["owner"],
        movement=row["movement"],
        opening=float(row["opening_mrr"]),
        fx=float(row["fx_mrr"]),
        delta=float(row["delta_mrr"]),
        closing=float(row["closing_mrr"]),
        churn_kind=row["churn_kind"],
        evidence=row["evidence"] or "inferred",
        parts=parts,
    )


def _top(
    connection: Connection, month: date, movements: Sequence[str], *, largest: bool
) -> list[Mapping[str, Any]]:
    movement, account = table_of(schemas.MRR_MOVEMENT), table_of(schemas.ACCOUNT)
    delta = movement.c.delta_mrr
    found = connection.execute(
        select(movement, account.c.name, account.c.owner)
        .select_from(movement.outerjoin(account, account.c.account_id == movement.c.account_id))
        .where(movement.c.month == month, movement.c.movement.in_(movements))
        .order_by(delta.desc() if largest else delta.asc(), movement.c.account_id)
        .limit(TOP)
    )
    return [dict(row) for row in found.mappings()]


def _parts(
    connection: Connection, month: date, accounts: Sequence[str], given: Given
) -> dict[str, tuple[Part, ...]]:
    component = table_of(schemas.MRR_MOVEMENT_COMPONENT)
    brought = table_of(schemas.EXPANSION_ATTRIBUTION)
    keys = ("month", "account_id", "subscription_item_id", "type")
    same = [component.c[key] == brought.c[key] for key in keys]
    rows = [
        dict(row)
        for row in connection.execute(
            select(component, brought.c.attribution, brought.c.deal_id)
            .select_from(component.outerjoin(brought, _all(same)))
            .where(component.c.month == month, component.c.account_id.in_(accounts))
            .order_by(component.c.subscription_item_id, component.c.type)
        ).mappings()
    ]
    rows.sort(key=lambda row: -abs(row["amount"]))
    items = frozenset(
        item
        for row in rows
        for item in (row["subscription_item_id"], row["paired_item_id"])
        if item
    )
    ends = [_ends(connection, each, items) for each in (add_months(month, -1), month)]
    proofs = given.proofs(month, items)
    found: dict[str, tuple[Part, ...]] = {}
    for row in rows:
        part = _part(row, ends, proofs)
        found[row["account_id"]] = (*found.get(row["account_id"], ()), part)
    return found


def _all(conditions: Sequence[Any]) -> Any:
    whole = conditions[0]
    for condition in conditions[1:]:
        whole &= condition
    return whole


def _part(
    row: Mapping[str, Any],
    ends: Sequence[Mapping[str, End]],
    proofs: Mapping[str, tuple[str, ...]],
) -> Part:
    item = row["subscription_item_id"]
    before = row["paired_item_id"] or item
    return Part(
        type=row["type"],
        amount=float(row["amount"]),
        item=item,
        product=row["product_id"] or "",
        opening=ends[0].get(before),
        closing=ends[1].get(item),
        attribution=row["attribution"],
        deal=row["deal_id"],
        proofs=tuple(dict.fromkeys((*proofs.get(before, ()), *proofs.get(item, ())))),
    )


def _ends(connection: Connection, month: date, items: frozenset[str]) -> dict[str, End]:
    """The items as the warehouse holds them at a month's end; it keeps item months for a time only."""
    table = table_of(schemas.MRR_SNAPSHOT)
    rows = connection.execute(
        select(table.c.subscription_item_id, *(table.c[name] for name in STATE)).where(
            table.c.month == month, table.c.subscription_item_id.in_(items)
        )
    )
    return {
        row.subscription_item_id: End(
            plan=row.plan or "",
            quantity=row.quantity,
            mrr=float(row.mrr),
            discount=float(row.discount_mrr),
            interval=row.billing_interval or "",
            status=row.status or "",
            subscription_id=row.subscription_id or "",
        )
        for row in rows
    }
