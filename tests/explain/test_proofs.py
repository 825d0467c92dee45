"""Each component names the record at which that very aspect changed, on histories written by hand."""

from datetime import UTC, date, datetime

import pytest

from tests.explain.cases import (
    BEGUN,
    ONE,
    PRICES,
    amounts,
    at,
    explained,
    of,
    only,
    proofs,
    seconds,
    short,
)
from tests.history.records import _row, sync_id
from tests.history.stripe_json import NOW, START, History, coupon, discount, item, price, state
from tests.history.test_price_versions import Synced, euro


def test_seats_under_a_percentage() -> None:
    """10 -> 25 seats at 10 under 20% off is +120 (docs/method.md)."""
    history = History(PRICES).records("coupon", coupon("FIFTH", percent_off=20))
    history.records("discount", discount("di", "FIFTH", BEGUN))
    on = {"discounts": ["di"]}
    history.states((BEGUN, state(ONE, **on)), (at(3, 3), state(item("si", "p", 25), **on)))
    found = explained(history, 3)
    seat = only(found, "seat")
    assert (seat.from_value, seat.amount, seat.to_value) == (80_000_000, 120_000_000, 200_000_000)
    assert seat.said == "10 → 25 units at 10.00 USD a unit a month"
    assert seat.opening is not None
    assert seat.closing is not None
    ends = [(e.list_native, e.discount_native, e.mrr_native) for e in (seat.opening, seat.closing)]
    assert ends == [(100_000_000, 20_000_000, 80_000_000), (250_000_000, 50_000_000, 200_000_000)]
    assert seat.closing.discounts == ("20% off (FIFTH, for ever)",)
    assert proofs(found, "seat") == [("evt_0002", at(3, 3), "10", "25")]
    proof = seat.proofs[0]
    assert (proof.kind, proof.what) == ("event", "customer.subscription.updated")
    assert (proof.recorded_at, proof.evidence, proof.since) == (at(3, 3), "exact", None)


def test_a_change_of_the_tax_inside_a_price() -> None:
    """11.90 with 19% inside is 10; the next rate is on top of the price."""
    taxed, on_top = (
        {"default_tax_rates": [{"id": f"txr_{inside}", "inclusive": inside, "percentage": 19.0}]}
        for inside in (True, False)
    )
    history = History([price("t", 1_190)]).states(
        (BEGUN, state(item("si", "t"), **taxed)), (at(3, 3), state(item("si", "t"), **on_top))
    )
    found = explained(history, 3)
    assert amounts(found) == {"price": 1.9}
    assert proofs(found, "price") == [
        ("evt_0002", at(3, 3), "t (100/119 of it is net of tax)", "t"),
    ]
    step = only(found, "price")
    assert step.opening is not None
    assert step.closing is not None
    assert (step.opening.net_of_tax, step.closing.net_of_tax) == ("100/119", None)
    assert (step.opening.list_native, step.closing.list_native) == (10_000_000, 11_900_000)


def test_every_change_of_the_quantity_and_nothing_else() -> None:
    """The last span begins with another change: that is not what proves the seats."""
    history = of(
        (BEGUN, state(ONE)),
        (at(3, 3), state(item("si", "p", 12))),
        (at(3, 9), state(item("si", "p", 9))),
        (at(3, 20), state(item("si", "p", 9), cancel_at=seconds(at(6, 10)))),
    )
    found = explained(history, 3)
    assert proofs(found, "seat") == [
        ("evt_0002", at(3, 3), "10", "12"),
        ("evt_0003", at(3, 9), "12", "9"),
    ]
    assert found.movement == "contraction"
    assert found.opening_mrr + found.delta_mrr == found.closing_mrr == 90_000_000


def test_seats_and_plan_at_two_instants() -> None:
    """Seats at the old price, then the price: 2 at 10, 3 at 10, 3 at 25."""
    history = of(
        (BEGUN, state(item("si", "p", 2))),
        (at(3, 3), state(item("si", "p", 3))),
        (at(3, 9), state(item("si", "p_pro", 3))),
    )
    found = explained(history, 3)
    assert amounts(found) == {"seat": 10, "plan": 45}
    assert proofs(found, "seat") == [("evt_0002", at(3, 3), "2", "3")]
    assert proofs(found, "plan") == [("evt_0003", at(3, 9), "p", "p_pro")]
    assert only(found, "plan").from_value == only(found, "seat").to_value == 30_000_000
    assert only(found, "plan").said == (
        "prod_a, 3 at 10.00 USD a unit a month → prod_pro, 3 at 25.00 USD a unit a month"
    )


def test_a_plan_that_takes_the_quantity_along_names_both() -> None:
    """One unit of one plan becomes three of another: no seats, one step of the plan (3 × 25 - 10 = 65)."""
    history = of((BEGUN, state(item("si", "p", 1))), (at(3, 3), state(item("si", "p_pro", 3))))
    found = explained(history, 3)
    assert amounts(found) == {"plan": 65}
    assert proofs(found, "plan") == [
        ("evt_0002", at(3, 3), "p", "p_pro"),
        ("evt_0002", at(3, 3), "1", "3"),
    ]


@pytest.mark.parametrize(
    ("to", "kind", "amount"), [("p_dear", "price", 20), ("p_year", "interval", -20)]
)
def test_price_and_interval(to: str, kind: str, amount: float) -> None:
    found = explained(of((BEGUN, state(ONE)), (at(3, 3), state(item("si", to, 10)))), 3)
    assert amounts(found) == {kind: amount}
    assert proofs(found, kind) == [("evt_0002", at(3, 3), "p", to)]


def test_a_discount_that_ended_names_the_discount_and_the_period() -> None:
    """20% off until the renewal in March: the period from 10 March on is without it."""
    ends = at(3, 10)
    history = History(PRICES).records(
        "coupon", coupon("FIFTH", "repeating", percent_off=20, duration_in_months=2)
    )
    history.records("discount", discount("di", "FIFTH", BEGUN, end=ends))
    history.states(
        (BEGUN, state(ONE, discounts=["di"])),
        (at(2, 10), state(ONE, discounts=["di"], period=at(2, 10))),
        (ends, state(ONE, discounts=[], period=ends)),
    )
    found = explained(history, 3)
    assert amounts(found) == {"discount": 20}
    told = {
        (each.kind, each.id): (each.at, each.before, each.after)
        for each in only(found, "discount").proofs
    }
    assert told == {
        ("event", "evt_0003"): (ends, "FIFTH", "none"),
        ("discount", "di"): (ends, "FIFTH", None),
    }
    assert only(found, "discount").said == "20% off (FIFTH, for 2 months) → no discount"


def test_what_was_free_until_a_discount_ended_is_new_by_that() -> None:
    """100% off for two months: subscribed, but never paid before 10 March."""
    ends = at(3, 10)
    history = History(PRICES).records(
        "coupon", coupon("FREE", "repeating", percent_off=100, duration_in_months=2)
    )
    history.records("discount", discount("di", "FREE", BEGUN, end=ends))
    history.states(
        (BEGUN, state(ONE, discounts=["di"])), (ends, state(ONE, discounts=[], period=ends))
    )
    found = explained(history, 3)
    assert (found.movement, amounts(found)) == ("new", {"new": 100})
    assert {each.id for each in only(found, "new").proofs} == {"evt_0002", "di"}
    assert only(found, "new").said == (
        "10 at 10.00 USD a unit a month, less 100% off (FREE, for 2 months) → 10 at 10.00 USD a unit a month"
    )


def test_an_amount_that_is_shared_anew_names_what_shares_it() -> None:
    """10 off a subscription of 100; with an add-on of 30 the first item bears 10 × 100/130 = 7.692308."""
    history = History(PRICES).records("coupon", coupon("TEN", amount_off=1_000, currency="usd"))
    history.records("discount", discount("di", "TEN", BEGUN))
    on = {"discounts": ["di"]}
    history.states((BEGUN, state(ONE, **on)), (at(3, 3), state(ONE, item("si_add", "p_add"), **on)))
    found = explained(history, 3)
    share = only(found, "discount")
    assert (share.subscription_item_id, share.amount) == ("si", 10_000_000 - 7_692_308)
    assert proofs(found, "discount") == [("evt_0002", at(3, 3), "not there", "active")]
    assert share.proofs[0].subscription_item_id == "si_add"
    assert share.said == "10.00 USD off (TEN, for ever): takes off 10.00 USD → 7.692308 USD a month"


def test_usage_names_the_two_invoices() -> None:
    history = of((BEGUN, state(item("si", "p"), item("si_use", "p_use", None))))
    history.usage("a", "si_use", "p_use", {date(2026, 2, 1): 4_000, date(2026, 3, 1): 12_450})
    found = explained(history, 3)
    assert amounts(found) == {"usage": 84.5}
    assert found.unchanged_items == 1
    assert proofs(found, "usage") == [
        ("in_si_use2026-02-01", at(3, 1, 0), "40.00 USD for 2026-02-01 to 2026-03-01", None),
        ("in_si_use2026-03-01", at(4, 1, 0), None, "124.50 USD for 2026-03-01 to 2026-04-01"),
    ]
    assert {each.kind for each in only(found, "usage").proofs} == {"invoice"}


def test_the_first_usage_has_one_invoice() -> None:
    history = of((BEGUN, state(item("si", "p"), item("si_use", "p_use", None))))
    history.usage("a", "si_use", "p_use", {date(2026, 3, 1): 500})
    found = explained(history, 3)
    assert only(found, "usage").said == (
        "nothing billed yet → 5.00 USD for 2026-03-01 to 2026-04-01"
    )
    assert [each.id for each in only(found, "usage").proofs] == ["in_si_use2026-03-01"]


def test_a_change_that_no_event_told_is_bounded_and_says_between_when() -> None:
    """2 -> 3 seats in February was never told; the event of 15 April starts from 3."""
    history = of(
        (BEGUN, state(item("si", "p", 2))),
        (at(2, 15), state(item("si", "p", 3))),
        (at(4, 15), state(item("si", "p", 5))),
        missed=[1],
    )
    found = explained(history, 4)
    assert amounts(found) == {"seat": 30}
    proof = only(found, "seat").proofs[0]
    assert (proof.at, proof.since, proof.evidence) == (at(4, 15), BEGUN, "bounded")
    assert found.evidence == "bounded"
    (why,) = found.why
    assert why.startswith(
        "At the opening end, si: between 2026-01-10 08:00 UTC and 2026-04-15 08:00 UTC"
    )


def test_two_events_in_one_second_are_told_apart() -> None:
    """The quantity changes, and in the same second the end is asked for: the first event proves the seats."""
    asked = {"cancel_at": seconds(at(6, 10)), "canceled_at": seconds(at(3, 3))}
    history = of(
        (BEGUN, state(ONE)),
        (at(3, 3), state(item("si", "p", 12))),
        (at(3, 3), state(item("si", "p", 12), **asked)),
    )
    assert proofs(explained(history, 3), "seat") == [("evt_0002", at(3, 3), "10", "12")]


def test_a_listing_that_found_nothing_new_is_a_proof_without_a_record() -> None:
    """10 seats are listed in January, 12 told by an event; events are missed; in March the listing says 10 again.

    The sync of March stores no record, for the last one says the same: it is known by the coverage that it drained.
    """
    history = of((BEGUN, state(ONE)), (at(1, 25), state(item("si", "p", 12))))
    shown = {
        "id": "sub_a", "object": "subscription", "customer": "cus_a", "currency": "usd", "status": "active",
        "created": seconds(BEGUN), "discounts": [],
        "items": {
            "data": [ONE | {"created": seconds(BEGUN), "current_period_start": seconds(BEGUN)}],
            "has_more": False,
        },
    }  # fmt: skip
    history.rows.append(_row("subscription", shown, at(1, 20)))
    spans = [
        (START, at(2, 1), "sync_early"),
        (at(3, 5), at(3, 6), "sync_march"),
        (at(3, 6), NOW, "sync_late"),
    ]
    covered = [
        {"source_account": "", "covered_from": start, "covered_to": end, "sync_id": sync}
        for start, end, sync in spans
    ]
    found = explained(history, 3, covered=covered)
    assert amounts(found) == {"seat": -20}
    (proof,) = only(found, "seat").proofs
    assert short(proof) == ("sync_march", at(3, 5), "12", "10")
    assert (proof.kind, proof.within, proof.recorded_at) == ("listing", "sub_a", at(3, 6))
    assert (proof.evidence, proof.since) == ("bounded", at(2, 1))


def test_the_boundaries_of_the_window() -> None:
    """A change at the first instant of March belongs to March; one at that of April does not."""
    first, next_ = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4))
    history = of(
        (BEGUN, state(ONE)),
        (first, state(item("si", "p", 11))),
        (next_, state(item("si", "p", 12))),
    )
    assert [each[0] for each in proofs(explained(history, 3), "seat")] == ["evt_0002"]
    assert [each[0] for each in proofs(explained(history, 4), "seat")] == ["evt_0003"]
    year = explained(history, 4, window=3)
    assert [each[0] for each in proofs(year, "seat")] == ["evt_0002", "evt_0003"]


def test_another_currency_shows_both_rates() -> None:
    """The rate of February is 1.05 + 3/100, that of March 1.05 + 4/100 (`records.rate`)."""
    euro = price("p_eur", 1_000) | {"currency": "eur"}
    history = History([euro]).states(
        (BEGUN, state(item("si", "p_eur", 10))),
        (at(3, 3), state(item("si", "p_eur", 11))),
        currency="eur",
    )
    found = explained(history, 3)
    opening, closing = (
        round(found.rates[0].opening / 1e12, 2),
        round(found.rates[0].closing / 1e12, 2),
    )
    assert found.fx_mrr == round((closing - opening) * 100e6)
    assert only(found, "seat").amount == round(10e6 * closing)
    assert only(found, "seat").closing.value == round(110e6 * closing)


def test_an_edited_currency_option() -> None:
    """2 seats at 9.50 euros, edited to 11 on 15 March: 3 euros at 1.09; the event of the price proves it."""
    history = Synced((at(3, 14), euro("950")), (at(3, 16), euro("1100"))).updated(at(3, 15))
    found = explained(history, 3, covered=history.coverage)
    assert amounts(found) == {"price": 3.27}
    before, after = "9.50 EUR a unit a month", "11.00 EUR a unit a month"
    assert only(found, "price").said == f"2 units: {before} → {after}"
    assert proofs(found, "price") == [("evt_0002", at(3, 15), f"p at {before}", f"p at {after}")]
    assert only(found, "price").proofs[0].what == "price.updated"


def test_an_edited_currency_option_that_only_lists_show() -> None:
    """Lists of 14 and 16 March: the sync of the later one proves it, and since when it may have been."""
    history = Synced((at(3, 14), euro("950")), (at(3, 16), euro("1100")))
    (proof,) = only(explained(history, 3, covered=history.coverage), "price").proofs
    assert (proof.kind, proof.id, proof.at) == ("listing", sync_id(at(3, 16)), at(3, 16))
    assert (proof.since, proof.evidence) == (at(3, 14), "bounded")
