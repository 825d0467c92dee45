"""The rules of docs/attribution.md once more, in plain Python over rows: what the pipeline must say."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.metrics.attribution import AttributionRules

Row = dict[str, Any]
Part = tuple[date, str, str, str]


@dataclass(frozen=True)
class Said:
    attribution: str
    deal_id: str | None
    evidence: tuple[str, ...]


def key_of(part: Row) -> Part:
    return part["month"], part["account_id"], part["subscription_item_id"], part["type"]


class Oracle:
    """One company's components and deals, judged one by one."""

    def __init__(
        self, parts: list[Row], deals: list[Row], sources: dict[str, str], rules: AttributionRules
    ) -> None:
        self.parts, self.rules, self.sources = parts, rules, sources
        self.zone = ZoneInfo(rules.timezone)
        self.deals = [deal for deal in deals if deal["type"] in rules.expansion]
        self.reach: dict[str, date] = {}
        for deal in deals:
            crm = deal["deal_id"].split(":")[0]
            if deal["created"] is not None:
                day = self.day(deal["created"])
                self.reach[crm] = min(day, self.reach.get(crm, day))
        self.paid = self._paid()

    def day(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def closed_on(self, deal: Row) -> date | None:
        return None if deal["won"] is None or deal["closed"] is None else self.day(deal["closed"])

    def contractual(self, part: Row) -> bool:
        return part["type"] in {"price", "discount"} or part["schedule_id"] is not None

    def explains(self, deal: Row, part: Row) -> bool:
        closed, on = self.closed_on(deal), self.day(part["at"])
        return (
            bool(deal["won"])
            and closed is not None
            and deal["account_id"] == part["account_id"]
            and deal["created"] is not None
            and deal["created"] < part["at"]
            and on - timedelta(days=self.rules.before) <= closed
            and closed <= on + timedelta(days=self.rules.after)
        )

    def sellable(self, part: Row) -> bool:
        return part["amount"] > 0 and not self.contractual(part)

    def _paid(self) -> dict[str, tuple[str, date]]:
        """Each paying deal and its account's month: the nearest first."""
        pairs: dict[tuple[str, str, date], int] = {}
        values = {deal["deal_id"]: deal["value"] for deal in self.deals}
        for deal in self.deals:
            for part in filter(self.sellable, self.parts):
                if self.explains(deal, part):
                    apart = abs((self.closed_on(deal) - self.day(part["at"])).days)
                    pair = deal["deal_id"], part["account_id"], part["month"]
                    pairs[pair] = min(apart, pairs.get(pair, apart))

        def order(pair: tuple[str, str, date]) -> tuple[Any, ...]:
            value = values[pair[0]]
            return pairs[pair], value is None, -(value or 0), pair[0], pair[2]

        paid: dict[str, tuple[str, date]] = {}
        for deal_id, account, month in sorted(pairs, key=order):
            if deal_id not in paid and (account, month) not in paid.values():
                paid[deal_id] = account, month
        return paid

    def influences(self, part: Row) -> list[Row]:
        on = self.day(part["at"])
        first = on - timedelta(days=self.rules.influence)
        found = []
        for deal in self.deals:
            if deal["account_id"] != part["account_id"] or deal["created"] is None:
                continue
            closed = self.closed_on(deal)
            if self.day(deal["created"]) < on and (
                deal["won"] is None or (closed is not None and closed >= first)
            ):
                found.append(deal)
        return found

    def own(self, part: Row) -> Said:
        if self.contractual(part):
            planned = part["schedule_id"]
            return Said("contractual", None, (planned,) if planned else ())
        for deal in self.deals:
            pays = self.paid.get(deal["deal_id"]) == (part["account_id"], part["month"])
            if pays and self.explains(deal, part):
                return Said("sales_driven", deal["deal_id"], (deal["deal_id"],))
        on = self.day(part["at"])
        found = self.influences(part)
        if found:

            def order(deal: Row) -> tuple[Any, ...]:
                closed = self.closed_on(deal)
                since = 0 if closed is None or closed > on else (on - closed).days
                return since, deal["value"] is None, -(deal["value"] or 0), deal["deal_id"]

            named = min(found, key=order)["deal_id"]
            return Said("influenced", named, tuple(sorted(deal["deal_id"] for deal in found)))
        reach = self.reach.get(self.sources.get(part["account_id"], "stripe"))
        if reach is not None and reach < on - timedelta(days=self.rules.influence):
            return Said("natural", None, ())
        return Said("unknown", None, ())

    def said(self) -> dict[Part, Said]:
        found = {}
        for part in self.parts:
            judged = part
            if part["amount"] < 0:
                judged = min(
                    (
                        each
                        for each in self.parts
                        if each["amount"] > 0
                        and (each["account_id"], each["month"])
                        == (part["account_id"], part["month"])
                    ),
                    key=lambda each: (-each["amount"], key_of(each)),
                )
            found[key_of(part)] = self.own(judged)
        return found
