"""What prices charge in other currencies than their own, as it was edited: which month has which amount, how sure.

A price of $10 charges 9.50 euros, edited to 11 in March. Two seats in euros are 19, then 22.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from pipeline import schemas
from pipeline.sandbox.company import FEATURES
from tests import in_memory
from tests.history.records import _row, sync_id
from tests.history.stripe_json import NOW, START, History, _line, item, price, state
from tests.history.test_properties import KINDS, WIDE, compared
from tests.history.turns import histories

BEGUN = datetime(2026, 1, 10, 8, tzinfo=UTC)
JANUARY, FEBRUARY, MARCH, APRIL, MAY = (date(2026, month, 1) for month in range(1, 6))
OLD = datetime(2024, 1, 1, tzinfo=UTC)
TWO = item("si", "p", 2)
Json = dict[str, Any]


def at(month: int, day: int, hour: int = 8) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def euro(amount: str | None, created: datetime = START, **more: Any) -> Json:
    """The price with its euro option, or without one."""
    options = {} if amount is None else {"eur": {"unit_amount_decimal": amount}}
    return (
        price("p", 1_000)
        | {"created": int(created.timestamp()), "currency_options": options}
        | more
    )


class Synced(History):
    """A history with several syncs, each of which lists the price: (when, what the list says)."""

    def __init__(
        self, *syncs: tuple[datetime, Json], covered: Sequence[tuple[datetime, datetime]] = ()
    ) -> None:
        super().__init__([])
        self.rows.append(_row("product", {"id": "prod_a", "name": "prod_a"}, NOW))
        stored: Json | None = None
        for when, shown in syncs:
            if shown != stored:  # landing keeps what differs from what was stored last
                self.rows.append(_row("price", shown, when))
            stored = shown
        instants = [START, *(when for when, _ in syncs), NOW]
        spans = covered or list(pairwise(instants))
        self.coverage = [
            {
                "source_account": "",
                "covered_from": start,
                "covered_to": end,
                "sync_id": sync_id(end),
                "listed": True,
            }
            for start, end in spans
        ]
        self.states((BEGUN, state(TWO)), currency="eur")

    def updated(self, *instants: datetime) -> "Synced":
        """Events that say that the price was updated; they show no options."""
        for when in instants:
            data = {"object": {"id": "p", "object": "price"}, "previous_attributes": {}}
            self.event("price.updated", int(when.timestamp()), data)
        return self

    def billed(
        self, month: int, *cents: int, proration: bool = False, status: str = "paid"
    ) -> "Synced":
        """An invoice of the item's two seats, in one line or two, for the period from the 10th of a month on."""
        details = {"subscription_item": "si", "subscription": "sub_a", "proration": proration}
        start, end = at(month, 10), at(month + 1, 10)
        lines = []
        for number, amount in enumerate(cents):
            line = _line(f"{month}_{number}", amount, "p", start, end)
            line["quantity"] = 2 // len(cents)
            line["parent"]["subscription_item_details"] = details
            lines.append(line)
        self._invoice("a", f"in_{month}", start, lines, "eur", status)
        return self

    def folded(self) -> in_memory.Billing:
        return in_memory.fold(
            pl.LazyFrame(self.rows, schema=schemas.RAW_RECORD.schema),
            pl.LazyFrame(self.coverage, schema=schemas.COVERAGE.schema),
        )

    def told(self, *months: date) -> list[tuple[float, str]]:
        """(euros a month, grade) of the item at the end of each month."""
        found = [self.snapshot(month)["si"] for month in months]
        return [(row["mrr_native"] / 1e6, row["evidence"]) for row in found]


def test_an_edit_that_an_event_dates_changes_the_months_from_there_on() -> None:
    """Lists of 14 and 16 March differ, one event between them: nothing else can have happened."""
    history = Synced((at(3, 14), euro("950")), (at(3, 16), euro("1100"))).updated(at(3, 15))
    assert history.told(FEBRUARY, MARCH, APRIL) == [(19, "exact"), (22, "exact"), (22, "exact")]
    spans = history.folded().item_timeline.sort("valid_from")
    assert spans["price_version"].to_list() == [0, 1]
    assert spans["valid_from"].to_list() == [BEGUN, at(3, 15)]
    assert spans["opened_by"].to_list() == ["evt_0001", "evt_0002"]
    assert spans["closed_by"].to_list() == ["evt_0002", None]


def test_an_edit_is_a_component_of_price() -> None:
    """3 euros more at March's rate of 1.09."""
    history = Synced((at(3, 14), euro("950")), (at(3, 16), euro("1100"))).updated(at(3, 15))
    found = history.movements(MARCH)
    assert found.types == {"price": 3.27}
    assert (found.movement, found.evidence) == ({"cus_a": ("expansion", 3.27)}, {"cus_a": "exact"})
    assert history.movements(FEBRUARY).found.movement["delta_mrr"].to_list() == [0]


def test_without_an_event_it_takes_effect_at_the_later_list() -> None:
    """Lists of 20 March and 2 April differ: at the end of March either may have held."""
    history = Synced((at(3, 20), euro("950")), (at(4, 2), euro("1100")))
    assert history.told(FEBRUARY, MARCH, APRIL) == [(19, "exact"), (19, "bounded"), (22, "exact")]
    bounded = history.folded().item_timeline.filter(evidence="bounded")
    assert bounded.select("valid_from", "valid_to").rows() == [(at(3, 20), at(4, 2))]


def test_lists_that_stored_nothing_new_bound_it_as_well() -> None:
    """The list of 30 March said what that of 20 March had said."""
    same = euro("950")
    history = Synced((at(3, 20), same), (at(3, 30), same), (at(4, 2), euro("1100")))
    bounded = history.folded().item_timeline.filter(evidence="bounded")
    assert bounded.select("valid_from", "valid_to").rows() == [(at(3, 30), at(4, 2))]


def test_an_edit_that_was_taken_back_between_two_lists_leaves_a_doubt() -> None:
    """Two events of 31 March and 2 April: what held between them no list shows."""
    same = euro("950")
    history = Synced((at(3, 30), same), (at(4, 3), same)).updated(at(3, 31), at(4, 2))
    assert history.told(FEBRUARY, MARCH, APRIL) == [(19, "exact"), (19, "bounded"), (19, "exact")]


def test_one_event_between_equal_lists_leaves_none() -> None:
    """It was archived, say: one edit cannot have been taken back."""
    history = Synced((at(3, 30), euro("950")), (at(4, 3), euro("950", active=False)))
    history.updated(at(3, 31))
    assert history.told(MARCH, APRIL) == [(19, "exact"), (19, "exact")]


def test_an_option_that_is_gone_keeps_what_it_was_last() -> None:
    """And its items are inferred: nobody says what they pay."""
    history = Synced((at(3, 14), euro("950")), (at(3, 16), euro(None))).updated(at(3, 15))
    assert history.told(FEBRUARY, MARCH, APRIL) == [
        (19, "exact"),
        (19, "inferred"),
        (19, "inferred"),
    ]
    assert history.billed(4, 1_900).told(MARCH, APRIL) == [(19, "invoiced"), (19, "invoiced")]


def test_one_that_comes_back_is_known_again() -> None:
    history = Synced((at(2, 14), euro("950")), (at(3, 16), euro(None)), (at(4, 16), euro("1100")))
    history.updated(at(3, 15), at(4, 15))
    assert history.told(FEBRUARY, MARCH, APRIL) == [(19, "exact"), (19, "inferred"), (22, "exact")]


def test_before_every_event_is_known_it_may_have_been_edited() -> None:
    """The price is of 2024, the first list of 10 March, events are known from 1 January; one is of 20 February."""
    history = Synced((at(3, 10), euro("950", OLD))).updated(at(2, 20))
    assert history.told(JANUARY, FEBRUARY, MARCH) == [
        (19, "inferred"),
        (19, "exact"),
        (19, "exact"),
    ]


def edited_before() -> Synced:
    """January is before the event of 20 February, and so before anything says what the option was."""
    return Synced((at(3, 10), euro("950", OLD))).updated(at(2, 20))


def test_invoices_that_charged_the_amount_prove_it() -> None:
    assert edited_before().billed(1, 1_900).told(JANUARY, MARCH) == [
        (19, "invoiced"),
        (19, "exact"),
    ]


@pytest.mark.parametrize(
    "bill",
    [
        {"cents": 1_901},
        {"cents": 0},  # a trial's
        {"cents": 1_900, "proration": True},
        {"cents": 1_900, "status": "void"},
        {"cents": 1_900, "status": "draft"},
    ],
    ids=lambda bill: ",".join(map(str, bill.values())),
)
def test_no_other_line_proves_it(bill: Json) -> None:
    cents, more = bill["cents"], {key: bill[key] for key in bill.keys() - {"cents"}}
    assert edited_before().billed(1, cents, **more).told(JANUARY) == [(19, "inferred")]


def test_one_line_of_another_amount_leaves_it_open() -> None:
    """Billed at 9.50 in January, at 9.00 in February."""
    history = edited_before().billed(1, 1_900).billed(2, 1_800)
    assert history.told(JANUARY) == [(19, "inferred")]


def test_a_line_of_fractional_cents_is_rounded() -> None:
    """Two seats at 9.505 cents are 19.01 cents, billed as 19."""
    history = Synced((at(3, 10), euro("9.505", OLD))).updated(at(2, 20)).billed(1, 19)
    assert history.told(JANUARY) == [(0.1901, "invoiced")]


@pytest.mark.parametrize(("second", "grade"), [(700, "invoiced"), (702, "inferred")])
def test_tiers_are_billed_by_a_line_each(second: int, grade: str) -> None:
    """The first seat at 9.50, the second at 7.005: lines of 9.50 and, rounded, 7.00."""
    tiers = [
        {"up_to": 1, "unit_amount_decimal": "950"},
        {"up_to": None, "unit_amount_decimal": "700.5"},
    ]
    tiered = euro(None, OLD, billing_scheme="tiered", tiers_mode="graduated", tiers=tiers)
    history = Synced((at(3, 10), tiered | {"currency_options": {"eur": {"tiers": tiers}}}))
    history.updated(at(2, 20)).billed(1, 950, second)
    assert history.told(JANUARY) == [(16.505, grade)]


def test_a_price_that_did_not_exist_before_was_not_edited() -> None:
    history = Synced((at(3, 10), euro("950", START)))
    assert history.folded().price.filter(currency="eur").height == 1
    assert history.told(JANUARY, MARCH) == [(19, "exact"), (19, "exact")]


def test_where_events_are_missing_it_may_have_been_edited_and_edited_back() -> None:
    """None are known of 20 February to 25 April; the list of 1 May says what that of 20 February said."""
    history = Synced(
        (at(2, 20), euro("950")),
        (at(5, 1), euro("950")),
        covered=[(START, at(2, 20)), (at(4, 25), at(5, 1)), (at(5, 1), NOW)],
    )
    grades = history.folded().price.filter(currency="eur").sort("price_version")
    assert grades.select("valid_from", "evidence").rows() == [
        (None, "exact"), (at(2, 20), "bounded"), (at(4, 25), "exact"),
    ]  # fmt: skip
    history.updated(
        at(4, 28)
    )  # and that the last event before the list is the first one nobody knows
    assert history.folded().price.filter(evidence="bounded")["valid_to"].to_list() == [at(4, 28)]


def test_an_event_between_the_watermark_after_missing_ones_and_its_list_leaves_it_open() -> None:
    """None are known of 20 February to 20 March. The sync of 25 April lists the price as edited two minutes before."""
    watermark = at(4, 25)
    history = Synced(
        (at(2, 20), euro("950")),
        (watermark + timedelta(minutes=5), euro("1100")),
        covered=[(START, at(2, 20)), (at(3, 20), watermark), (watermark, NOW)],
    ).updated(watermark + timedelta(minutes=3))
    assert history.told(MARCH, APRIL) == [(19, "bounded"), (22, "exact")]


def test_a_list_read_after_the_last_event_that_is_known_leaves_it_open_since_the_edit() -> None:
    """The sync of 10 April lists 11 euros five minutes after its watermark; events are missing from that to 1 May.

    Was it 11 since the event of 30 March, or only since one that nobody knows?
    """
    watermark = at(4, 10)
    history = Synced(
        (at(3, 20), euro("950")),
        (watermark + timedelta(minutes=5), euro("1100")),
        covered=[(START, at(3, 20)), (at(3, 20), watermark), (at(5, 1), NOW)],
    ).updated(at(3, 30))
    assert history.told(FEBRUARY, MARCH) == [(19, "exact"), (22, "bounded")]
    covered = [
        *history.coverage,
        {**history.coverage[1], "covered_from": watermark, "covered_to": at(5, 1)},
    ]
    history.coverage = covered
    assert history.told(MARCH) == [(22, "exact")], "every event is known"


def test_items_in_the_price_s_own_currency_stay_exact_and_whole() -> None:
    history = Synced((at(3, 14), euro("950", OLD)), (at(3, 16), euro("1100", OLD)))
    history.updated(at(3, 15)).states((BEGUN, state(item("si_usd", "p"))), customer="b")
    spans = history.folded().item_timeline.filter(subscription_item_id="si_usd")
    assert spans.select("price_version", "evidence").rows() == [(0, "exact")]


def test_usage_is_worth_what_was_billed_whatever_the_option_says() -> None:
    usage = price("p", 1_000, usage=True)["recurring"]
    syncs = [
        (at(3, 14), euro("950", OLD, recurring=usage)),
        (at(3, 16), euro("1100", OLD, recurring=usage)),
    ]
    history = Synced(*syncs)
    assert history.folded().price.filter(currency="eur")["evidence"].to_list() == ["exact"]
    assert history.told(MARCH) == [(0, "exact")]


def test_an_edited_option_with_tiers() -> None:
    """2 units: 9 and 9 in the first tier; then 10 for the first unit and 8 for the second."""

    def tiers(*steps: tuple[int | None, str]) -> Json:
        told = [{"up_to": up_to, "unit_amount_decimal": unit} for up_to, unit in steps]
        shown = euro(None) | {
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "unit_amount": None,
            "unit_amount_decimal": None,
        }
        base = [{"up_to": None, "unit_amount_decimal": "1000"}]
        return shown | {"tiers": base, "currency_options": {"eur": {"tiers": told}}}

    before, after = tiers((5, "900"), (None, "800")), tiers((1, "1000"), (None, "800"))
    history = Synced((at(3, 14), before), (at(3, 16), after)).updated(at(3, 15))
    assert history.told(FEBRUARY, MARCH) == [(18, "exact"), (18, "exact")]
    assert history.folded().price.filter(currency="eur")["price_version"].sort().to_list() == [0, 1]


# random companies


@pytest.mark.parametrize("kind", KINDS)
def test_random_companies(kind: str) -> None:
    """Options that are edited, edited back, removed and given again: what is graded exact is true."""
    features = FEATURES - {WIDE} | {"currencies", "lookup_keys", "option_edits"}
    random = histories("options", features, kind, 14)
    graded, wrong, silent = compared(random)
    assert silent == []
    assert graded["exact"] > 0
    price = random.folded().price
    assert price.select("price_id", "currency", "price_version").is_unique().all()
    assert price["price_version"].max() > 0
    if kind == "often":
        assert graded["exact"] > 0.6 * graded.total()
        assert set(wrong) <= {"bounded", "inferred"}


def test_two_edits_with_a_watermark_but_no_list_between_them_leave_it_open() -> None:
    """The second edit came two minutes after a sync's watermark and three before its list: what was between?"""
    nights = [at(3, 31, 3), at(4, 1, 3), at(4, 2, 3)]
    spans = list(zip([START, *nights], [*nights, NOW], strict=True))
    lists = [each + timedelta(minutes=5) for each in nights]
    edited = (at(3, 31, 12), nights[1] + timedelta(minutes=2))
    for after in ("950", "1100"):
        listed = zip(lists, (euro("950"), euro(after), euro(after)), strict=True)
        history = Synced(*listed, covered=spans).updated(*edited)
        assert history.told(MARCH) == [(19.0, "bounded")]
