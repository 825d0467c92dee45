"""What becomes of an invoice after it was listed: voided or deleted late, finalised, billed in pieces; by hand."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pipeline import billing, schemas
from pipeline.billing import invoices
from tests import in_memory
from tests.history.records import _row
from tests.history.stripe_json import NOW, START, History, coupon, discount, item, price, state
from tests.history.test_taxes import BEGUN, COMPUTED, invoice, line, micro, rate, told, under

JANUARY, FEBRUARY, MARCH, APRIL, MAY, JUNE = (date(2026, month, 1) for month in range(1, 7))
LATE = datetime(2026, 6, 20, tzinfo=UTC)
USAGE = price("u", 0, usage=True)
Json = dict[str, Any]


def first(month: int, day: int = 1) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


def event(kind: str, at: datetime, about: Json) -> Json:
    """An event about an invoice as it was before basil: its lines say nothing that is read."""
    old = {"id": "il_old", "price": {"id": "other"}, "proration": False, "subscription_item": "si"}
    return {
        "id": f"evt_{kind}{at:%m%d%H}", "object": "event", "type": f"invoice.{kind}", "created": int(at.timestamp()),
        "api_version": "2022-11-15", "data": {"object": about | {"lines": {"data": [old], "has_more": True}}},
    }  # fmt: skip


def used(name: str, at: datetime, cents: int, start: datetime, end: datetime, **more: Any) -> Json:
    """A paid invoice made at an instant for usage of item `si` under price `u` between two others."""
    bill = line(name, cents, 0, start)
    bill["pricing"] = {"price_details": {"price": "u", "product": "prod_a"}}
    bill["period"] = {"start": int(start.timestamp()), "end": int(end.timestamp())}
    return invoice(name, at, bill) | more


def metered() -> History:
    return History([USAGE]).states((first(1), state(item("si", "u", None))))


def charges(history: History) -> list[tuple[str, str, int, str]]:
    """First day, last day, cents and grade of every charge of usage."""
    found = history.folded().usage_charge.sort("period_start", "period_end")
    return [
        (f"{row['period_start']:%m-%d}", f"{row['period_end']:%m-%d}", row["amount"], row["evidence"])
        for row in found.iter_rows(named=True)
    ]  # fmt: skip


JANUARY_BILL = ("01-01", "02-01", 3000, "exact")
FEBRUARY_BILL = ("02-01", "03-01", 4000, "exact")


# voided, given up, deleted


def two_bills(**second: Any) -> tuple[History, Json]:
    """$30 for January and $40 for February, listed when they were made."""
    february = used("2", first(3), 4000, first(2), first(3), **second)
    history = metered().records("invoice", used("1", first(2), 3000, first(1), first(2)), february)
    return history, february


def test_a_bill_that_is_voided_months_later_is_none() -> None:
    """It was listed as open in March; since June only an event tells. March is worth January's bill again."""
    history, bill = two_bills(status="open")
    assert charges(history) == [JANUARY_BILL, FEBRUARY_BILL]
    assert told(history, MARCH) == (micro("40"), 0, micro("40"), "exact")
    history.records("event", event("voided", LATE, bill | {"status": "void"}))
    assert charges(history) == [JANUARY_BILL]
    assert told(history, MARCH) == (micro("30"), 0, micro("30"), "exact")


def test_what_nobody_expects_to_be_paid_was_charged() -> None:
    history, bill = two_bills(status="open")
    history.records(
        "event", event("marked_uncollectible", LATE, bill | {"status": "uncollectible"})
    )
    assert charges(history) == [JANUARY_BILL, FEBRUARY_BILL]


def test_voided_after_it_was_given_up_in_whatever_order_the_records_came() -> None:
    gone = event(
        "marked_uncollectible", LATE, {"id": "in_2", "customer": "cus_a", "status": "uncollectible"}
    )
    void = event("voided", LATE, {"id": "in_2", "customer": "cus_a", "status": "void"})
    for events in ((gone, void), (void, gone)):
        history, _ = two_bills(status="open")
        assert charges(history.records("event", *events)) == [JANUARY_BILL]


def test_an_old_event_does_not_undo_what_a_later_listing_says() -> None:
    history, bill = two_bills(status="paid")
    history.records(
        "event", event("marked_uncollectible", LATE, bill | {"status": "uncollectible"})
    )
    lines = billing.decode(pl.LazyFrame(history.rows, schema=schemas.RAW_RECORD.schema)).invoice
    items = invoices.invoice_items(pl.LazyFrame(schema=schemas.OBSERVED_INVOICE_ITEM.schema))
    none = pl.LazyFrame(
        schema={"discount_id": pl.String, "percent_ppm": pl.Int64, "amount_off": pl.Int64}
    )
    found = invoices.lines(lines, items, none.select("discount_id"), none)
    status = found.select("invoice_id", "invoice_status").collect().rows()
    assert sorted(status) == [("in_1", "paid"), ("in_2", "paid")]


def test_a_deleted_draft_never_was() -> None:
    """Neither its usage, nor its discount, nor its state of before the first event counts."""
    history, bill = two_bills(status="draft")
    assert charges(history) == [JANUARY_BILL, (*FEBRUARY_BILL[:3], "inferred")]
    history.records("event", event("deleted", LATE, bill | {"status": "draft"}))
    assert charges(history) == [JANUARY_BILL]


def test_a_draft_that_is_never_listed_again_stays_unproved() -> None:
    """Its lines may have changed before it was finalised; then the event does not show them all."""
    history, bill = two_bills(status="draft")
    history.records(
        "event", event("marked_uncollectible", LATE, bill | {"status": "uncollectible"})
    )
    assert charges(history) == [JANUARY_BILL, (*FEBRUARY_BILL[:3], "inferred")]


def test_an_event_about_an_invoice_that_was_never_listed_says_nothing() -> None:
    about = {"id": "in_other", "customer": "cus_a", "status": "void"}
    assert charges(two_bills()[0].records("event", event("voided", LATE, about))) == [
        JANUARY_BILL, FEBRUARY_BILL,
    ]  # fmt: skip


def test_a_night_with_nothing_but_the_event_folds_its_customer() -> None:
    """And says from when on the months read otherwise: the last instant of the voided bill's period, in February."""
    history, bill = two_bills(status="open")
    covered = {"source_account": "", "covered_from": START, "covered_to": NOW, "sync_id": "s"}
    longer = covered | {"covered_to": NOW + timedelta(days=1), "sync_id": "t"}
    before, after = (
        pl.LazyFrame(rows, schema=schemas.COVERAGE.schema)
        for rows in ([covered], [covered, longer])
    )
    known = billing.decode(pl.LazyFrame(history.rows, schema=schemas.RAW_RECORD.schema))
    row = _row("event", event("voided", LATE, bill | {"status": "void"}), NOW + timedelta(days=1))
    fresh = billing.decode(pl.LazyFrame([row], schema=schemas.RAW_RECORD.schema))
    told_before = in_memory.fold_evidence(known, before)
    night = in_memory.fold_night(told_before, known, fresh, before, after)
    assert night.customers == 1
    last = first(3) - timedelta(microseconds=1)
    assert night.since == last
    assert night.changes.rows() == [(last, "in_2")], "proved by the bill that is void"
    assert night.billing.usage_charge["invoice_id"].to_list() == ["in_1"]


# drafts and void invoices beside final ones


def taxed(*bills: Json) -> History:
    history = History([price("p", 11_900)]).records("invoice", *bills)
    return history.states((BEGUN, state(item("si", "p"), **COMPUTED)))


def bill(name: str, month: int, tax: int, status: str) -> Json:
    at = BEGUN.replace(month=month)
    return invoice(name, at, line(name, 11_900, tax, at)) | {"status": status}


NET, OTHER = micro("100"), micro("102.59")
"""What 19.00 and 16.41 of tax leave of 119.00."""


@pytest.mark.parametrize("status", ["draft", "void"])
def test_the_share_of_tax_is_that_of_final_invoices(status: str) -> None:
    """March's invoice says another share, but is not final; April's is final."""
    history = taxed(bill("1", 2, 1900, "paid"), bill("2", 3, 1641, status))
    assert told(history, FEBRUARY)[2:] == (NET, "exact")
    assert told(history, MARCH)[2:] == (NET, "inferred")
    history.records("invoice", bill("3", 4, 1641, "paid"))
    assert told(history, MARCH)[2:] == (NET, "inferred")
    assert told(history, APRIL)[2:] == (OTHER, "exact")


@pytest.mark.parametrize("status", ["draft", "void"])
def test_a_draft_that_says_the_same_changes_nothing(status: str) -> None:
    history = taxed(bill("1", 2, 1900, "paid"), bill("2", 3, 1900, status))
    assert told(history, MARCH)[2:] == (NET, "exact")


@pytest.mark.parametrize("status", ["draft", "void"])
def test_the_share_of_no_final_invoice_is_inferred(status: str) -> None:
    assert told(taxed(bill("1", 1, 1900, status)), JANUARY)[2:] == (NET, "inferred")


def discounted(status: str, *in_force: str, named: str = "di") -> History:
    """$100 whose invoice of the period from 10 March names a discount of 20%, or none."""
    march = BEGUN.replace(month=3)
    amounts = [{"amount": 2000, "discount": named}] if named else []
    shown = line("1", 10_000, 0, march, discount_amounts=amounts)
    return (
        History([price("p", 10_000)])
        .records("coupon", coupon("C", percent_off=20.0))
        .records("discount", discount("di", "C", BEGUN))
        .records("invoice", invoice("1", march, shown) | {"status": status})
        .states(
            (BEGUN, state(item("si", "p"))),
            (march, state(item("si", "p"), period=march, discounts=list(in_force))),
        )
    )


@pytest.mark.parametrize(
    ("status", "in_force", "named", "net", "grade"),
    [
        ("paid", [], "di", 80, "exact"),
        ("void", [], "di", 80, "exact"),
        ("draft", ["di"], "di", 80, "exact"),
        ("draft", [], "di", 80, "bounded"),
        ("draft", ["di"], "", 100, "bounded"),
        ("draft", [], "", 100, "exact"),
    ],
)
def test_the_discounts_of_a_draft_are_exact_where_events_show_the_same(
    status: str, in_force: list[str], named: str, net: int, grade: str
) -> None:
    history = discounted(status, *in_force, named=named)
    assert told(history, MARCH)[2:] == (micro(str(net)), grade)


@pytest.mark.parametrize(("status", "grade"), [("paid", "exact"), ("draft", "bounded")])
def test_a_draft_of_a_period_whose_start_nobody_saw_is_bounded(status: str, grade: str) -> None:
    """Since December; events are known since January: what was in force in December is the invoice's word."""
    december, january = datetime(2025, 12, 10, tzinfo=UTC), first(1, 20)
    amounts = [{"amount": 2000, "discount": "di"}]
    shown = line("1", 10_000, 0, december, discount_amounts=amounts)
    history = (
        History([price("p", 10_000)])
        .records("coupon", coupon("C", percent_off=20.0))
        .records("discount", discount("di", "C", december))
        .records("invoice", invoice("1", december, shown) | {"status": status})
        .states(
            (december, state(item("si", "p"), discounts=["di"])),
            (january, state(item("si", "p", 2), discounts=["di"])),
            missed=[0],
        )
    )
    assert told(history, JANUARY)[2:] == (micro("160"), grade)


def test_a_deleted_draft_tells_no_discount() -> None:
    """Events show none in force in March."""
    history = discounted("draft")
    about = {"id": "in_1", "customer": "cus_a", "status": "draft"}
    history.records("event", event("deleted", LATE, about))
    assert told(history, MARCH)[2:] == (micro("100"), "exact")


def test_a_deleted_draft_tells_no_state() -> None:
    """$119 since November, first seen in July: the invoice of December is its only evidence before."""
    created, december = (datetime(2025, month, 10, 8, tzinfo=UTC) for month in (11, 12))
    begun = dict.fromkeys(("created", "current_period_start"), int(created.timestamp()))
    listed = {
        "id": "sub_a", "object": "subscription", "customer": "cus_a", "currency": "usd", "status": "active",
        "created": int(created.timestamp()), "discounts": [],
        "items": {"data": [item("si", "p") | begun], "has_more": False},
    }  # fmt: skip
    history = History([price("p", 11_900)]).records("subscription", listed)
    draft = invoice("1", december, line("1", 11_900, 0, december)) | {"status": "draft"}
    history.records("invoice", draft)
    assert "active" in history.folded().item_timeline.filter(pl.col("valid_from") < START)["status"]
    history.records("event", event("deleted", LATE, draft))
    early = history.folded().item_timeline.filter(pl.col("valid_from") < START)
    assert early.select("status", "evidence").rows() == [("unknown", "inferred")]


def test_a_final_invoice_of_a_period_decides_beside_a_later_draft() -> None:
    """The draft, made an hour later, would take nothing off."""
    march = BEGUN.replace(month=3)
    draft = invoice("2", march + timedelta(hours=1), line("2", 10_000, 0, march)) | {
        "status": "draft"
    }
    assert told(discounted("paid").records("invoice", draft), MARCH)[2:] == (micro("80"), "exact")


# usage billed by thresholds


THRESHOLD = {"billing_reason": "subscription_threshold"}
NEXT = ("03-01", "04-01", 700, "exact")


def next_bills(history: History) -> History:
    """February's usage without a threshold, and March's."""
    return history.records(
        "invoice",
        used("n1", first(3), 900, first(2), first(3)),
        used("n2", first(4), 700, first(3), first(4)),
    )


def test_pieces_of_a_cycle_are_one_charge() -> None:
    """$50 up to the 10th, $50 up to the 20th, $12 for the rest of January: $112."""
    history = metered().records(
        "invoice",
        used("1", first(1, 10), 5000, first(1), first(1, 10), **THRESHOLD),
        used("2", first(1, 20), 5000, first(1, 10), first(1, 20), **THRESHOLD),
        used("3", first(2), 1200, first(1, 20), first(2)),
    )
    assert charges(next_bills(history)) == [
        ("01-01", "02-01", 11_200, "inferred"), ("02-01", "03-01", 900, "exact"), NEXT,
    ]  # fmt: skip
    assert told(history, JANUARY) == (micro("112"), 0, micro("112"), "inferred")


def test_lines_for_the_whole_cycle_are_one_charge() -> None:
    """The same where each line names the whole of January; what follows may still belong to it: `inferred`."""
    history = metered().records(
        "invoice",
        used("1", first(1, 10), 5000, first(1), first(2), **THRESHOLD),
        used("2", first(1, 20), 5000, first(1), first(2), **THRESHOLD),
        used("3", first(2), 1200, first(1), first(2)),
    )
    assert charges(next_bills(history)) == [
        ("01-01", "02-01", 11_200, "inferred"), ("02-01", "03-01", 900, "inferred"), NEXT,
    ]  # fmt: skip


def test_pieces_that_all_begin_with_the_cycle_are_one_charge() -> None:
    history = metered().records(
        "invoice",
        used("1", first(1, 10), 5000, first(1), first(1, 10), **THRESHOLD),
        used("2", first(1, 20), 5000, first(1), first(1, 20), **THRESHOLD),
        used("3", first(2), 1200, first(1), first(2)),
    )
    assert charges(history) == [("01-01", "02-01", 11_200, "inferred")]


def test_a_cycle_that_still_runs_is_no_charge_yet() -> None:
    """On the last of February its first piece, $50, does not count yet: January's bill, $9, does."""
    history = metered().records(
        "invoice",
        used("1", first(2), 900, first(1), first(2)),
        used("2", first(2, 10), 5000, first(2), first(2, 10), **THRESHOLD),
    )
    assert charges(history) == [
        ("01-01", "02-01", 900, "exact"),
        ("02-01", "03-01", 5000, "inferred"),
    ]
    assert told(history, JANUARY)[2:] == (micro("9"), "exact")


def test_a_threshold_that_starts_the_cycle_anew_ends_it() -> None:
    """`reset_billing_cycle_anchor`: the period from the 10th on is a whole one, and no part of the first."""
    history = metered().records(
        "invoice",
        used("1", first(1, 10), 5000, first(1), first(1, 10), **THRESHOLD),
        used("2", first(2, 10), 1200, first(1, 10), first(2, 10)),
    )
    assert charges(history) == [
        ("01-01", "01-10", 5000, "inferred"),
        ("01-10", "02-10", 1200, "inferred"),
    ]


def test_the_longest_months() -> None:
    """A cycle from 28 February to 31 March, cut on 10 March."""
    history = metered().records(
        "invoice",
        used("1", first(3, 10), 5000, first(2, 28), first(3, 10), **THRESHOLD),
        used("2", first(3, 31), 1200, first(3, 10), first(3, 31)),
    )
    assert charges(history) == [("02-28", "03-31", 6200, "inferred")]


# percentages


@pytest.mark.parametrize(
    ("percent", "net", "grade"),
    [
        (33.33, "66.67", "exact"),
        (33.3333, "66.6667", "exact"),
        (0.0001, "99.9999", "exact"),
        (33.3333333, "66.6667", "inferred"),
        (99.99999, "0", "inferred"),
    ],
)
def test_a_percentage_with_more_than_four_decimals_is_not_exact(
    percent: float, net: str, grade: str
) -> None:
    history = (
        History([price("p", 10_000)])
        .records("coupon", coupon("C", percent_off=percent))
        .records("discount", discount("di", "C", BEGUN))
        .states((BEGUN, state(item("si", "p"), discounts=["di"])))
    )
    assert told(history, JANUARY)[2:] == (micro(net), grade)


def test_the_four_decimals_of_a_tax_rate_are_exact() -> None:
    """119 / 1.099999, of which a float knows no exact percentage."""
    history = History([price("p", 11_900)]).states(
        (BEGUN, state(item("si", "p"), **under(rate(9.9999))))
    )
    assert told(history, JANUARY)[2] == round(119_000_000 * 1_000_000 / 1_099_999)
