"""A night's benchmark itself: what it measures of a few hundred subscriptions."""

from bench.night import run

MOST = 25
"""Requests of a night on which nothing changed."""


def test_a_night_costs_what_changed() -> None:
    told = run(450)
    assert told["first"]["stored"] == 450
    assert told["0 changed"]["stored"] == 0
    # The server's events change what its list does not show as changed: for a listing an old state is back.
    assert told["listing"]["stored"] == 450
    assert told["0 changed"]["requests"] <= MOST
    assert told["1000 changed"]["stored"] == 1_000
    pages = told["1000 changed"]["requests"] - told["0 changed"]["requests"]
    assert 1_000 / 100 - 1 <= pages <= 2 * 1_000 / 100
