"""What came, what went and what was swapped names the record that proves it, on histories written by hand."""

from pipeline import mrr
from tests.explain.cases import BEGUN, ONE, amounts, at, explained, of, only, proofs, seconds
from tests.history.stripe_json import item, state


def test_new_names_the_beginning() -> None:
    found = explained(of((at(3, 3), state(ONE))), 3)
    assert (found.movement, found.opening_mrr) == ("new", 0)
    assert proofs(found, "new") == [("evt_0001", at(3, 3), "not there", "active")]
    assert only(found, "new").said == "came: 10 at 10.00 USD a unit a month"


def test_a_trial_that_converts_names_the_conversion_and_later_seats() -> None:
    """Seats taken during the trial are part of what came; those taken after it are shown."""
    trial = {"trial_start": seconds(at(2, 20)), "trial_end": seconds(at(3, 6))}
    history = of(
        (at(2, 20), state(ONE, status="trialing", **trial)),
        (at(3, 2), state(item("si", "p", 11), status="trialing", **trial)),
        (at(3, 6), state(item("si", "p", 11), period=at(3, 6), **trial)),
        (at(3, 20), state(item("si", "p", 12), **trial)),
    )
    found = explained(history, 3)
    assert amounts(found) == {"new": 120}
    assert proofs(found, "new") == [
        ("evt_0003", at(3, 6), "in trial", "active"),
        ("evt_0004", at(3, 20), "11", "12"),
    ]


def test_churn_names_the_end() -> None:
    """Seats before the end do not matter any more: what left is the opening value."""
    reason = {"cancellation_details": {"reason": "cancellation_requested"}}
    history = of(
        (BEGUN, state(ONE)),
        (at(3, 3), state(item("si", "p", 12))),
        (at(3, 20), state(item("si", "p", 12), status="canceled", **reason)),
    )
    found = explained(history, 3)
    assert (found.movement, found.churn_kind, found.closing_mrr) == ("churn", "voluntary", 0)
    assert amounts(found) == {"churn": -100}
    assert proofs(found, "churn") == [("evt_0003", at(3, 20), "active", "not there")]
    assert only(found, "churn").proofs[0].what == "customer.subscription.deleted"


def test_a_pause_and_its_end() -> None:
    pause = {"pause_collection": {"behavior": "void", "resumes_at": None}}
    history = of((BEGUN, state(ONE)), (at(3, 3), state(ONE, **pause)), (at(5, 4), state(ONE)))
    assert proofs(explained(history, 3), "churn") == [
        ("evt_0002", at(3, 3), "active", "collection paused")
    ]
    back = explained(history, 5)
    assert proofs(back, "reactivation") == [("evt_0003", at(5, 4), "collection paused", "active")]
    assert explained(history, 5, window=3).movement == "none", (
        "paused and resumed within the window"
    )


def test_past_due_for_too_long_names_when_it_began() -> None:
    """Past due since 20 February; with 14 days of grace it stops counting on 6 March: no record changes then."""
    policy = mrr.Policy(past_due="exclude", past_due_days=14)
    history = of((BEGUN, state(ONE)), (at(2, 20), state(ONE, period=at(2, 10), status="past_due")))
    found = explained(history, 3, policy=policy)
    assert found.movement == "churn"
    assert proofs(found, "churn") == [
        ("evt_0002", at(3, 6), "past due", "past due for more than 14 days")
    ]
    assert only(found, "churn").proofs[0].recorded_at == at(2, 20)


def test_a_swapped_item_names_what_left_and_what_came() -> None:
    history = of((BEGUN, state(ONE)), (at(3, 3), state(item("si_new", "p_dear", 10))))
    found = explained(history, 3)
    assert amounts(found) == {"price": 20}
    assert only(found, "price").paired_item_id == "si"
    told = {
        (each.subscription_item_id, each.before, each.after) for each in only(found, "price").proofs
    }
    assert told == {("si", "active", "not there"), ("si_new", "not there", "active")}
    assert {each.id for each in only(found, "price").proofs} == {"evt_0002"}


def test_an_add_on_and_one_that_goes() -> None:
    both = state(ONE, item("si_add", "p_add"))
    history = of((BEGUN, state(ONE)), (at(3, 3), both), (at(4, 4), state(ONE)))
    came, went = explained(history, 3), explained(history, 4)
    assert proofs(came, "add_on") == [("evt_0002", at(3, 3), "not there", "active")]
    assert proofs(went, "add_on") == [("evt_0003", at(4, 4), "active", "not there")]
    assert (amounts(came), amounts(went)) == ({"add_on": 30}, {"add_on": -30})


def test_what_offsets_is_shown_though_nothing_moved() -> None:
    """Three seats less (-30) and an add-on more (+30): no movement, two components."""
    history = of(
        (BEGUN, state(ONE)), (at(3, 3), state(item("si", "p", 7), item("si_add", "p_add")))
    )
    found = explained(history, 3)
    assert (found.movement, found.delta_mrr, found.components_sum) == ("none", 0, 0)
    assert amounts(found) == {"seat": -30, "add_on": 30}


def test_nothing_changed_and_nothing_there() -> None:
    history = of((BEGUN, state(ONE)), (at(3, 3), state(ONE, status="canceled")))
    still = explained(history, 2)
    assert (still.movement, still.components, still.unchanged_items) == ("none", (), 1)
    assert still.opening_mrr == still.closing_mrr == 100_000_000
    gone = explained(history, 5)
    assert (gone.movement, gone.opening_mrr, gone.closing_mrr) == ("none", 0, 0)
    assert (gone.components, gone.unchanged_items, gone.evidence) == ((), 0, "exact")
