"""What an account was, since when: the CRM's history made one with its present, and what a new history touches."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pipeline.crm import past
from pipeline.schemas import ACCOUNT, ACCOUNT_HISTORY
from pipeline.schemas.told import DIMENSIONS, TOLD_ACCOUNT_CHANGE

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
Change = tuple[str, str, int, str | None]
"""Account id in HubSpot, field, day, value."""


def changes(*told: Change) -> pl.LazyFrame:
    rows = [
        ("hubspot", number, field, START + day * DAY, value) for number, field, day, value in told
    ]
    return pl.LazyFrame(rows, schema=TOLD_ACCOUNT_CHANGE.schema, orient="row")


def accounts(present: Mapping[str, Mapping[str, str | None]]) -> pl.LazyFrame:
    rows = [
        dict.fromkeys(ACCOUNT.names)
        | {"account_id": f"hubspot:{number}", "source": "hubspot"}
        | dict(fields)
        for number, fields in present.items()
    ]
    return pl.LazyFrame(rows, schema=ACCOUNT.schema)


def homes(**country: str) -> pl.LazyFrame:
    rows = [(f"hubspot:{number.removeprefix('n')}", home) for number, home in country.items()]
    return pl.LazyFrame(rows, schema={"account_id": pl.String, "home": pl.String}, orient="row")


def known(
    told: Sequence[Change], present: Mapping[str, Mapping[str, str | None]], home: pl.LazyFrame
) -> list[tuple[str, str, int, str | None]]:
    found = past.history(changes(*told), accounts(present), home).collect()
    assert found.schema == ACCOUNT_HISTORY.schema
    return [(one, field, (at - START).days, value) for one, field, at, value in found.iter_rows()]


def test_each_change_is_kept_once_and_an_emptied_value_is_one() -> None:
    told = [
        ("7", "owner", 0, "Ann"),
        ("7", "owner", 2, "Ann"),
        ("7", "owner", 5, None),
        ("7", "owner", 9, "Bob"),
    ]
    assert known(told, {"7": {"owner": "Bob"}}, homes()) == [
        ("hubspot:7", "owner", 0, "Ann"),
        ("hubspot:7", "owner", 5, None),
        ("hubspot:7", "owner", 9, "Bob"),
    ]


def test_what_was_empty_before_its_first_value_has_no_row() -> None:
    told = [("7", "owner", 0, None), ("7", "owner", 4, "Ann"), ("7", "owner", 6, None)]
    assert known(told, {"7": {}}, homes()) == [
        ("hubspot:7", "owner", 4, "Ann"),
        ("hubspot:7", "owner", 6, None),
    ]
    assert known(
        [("7", "owner", 0, None), ("7", "industry", 1, "A")], {"7": {"industry": "A"}}, homes()
    ) == [("hubspot:7", "industry", 1, "A")]


def test_the_present_value_holds_since_the_last_change() -> None:
    """A renamed owner keeps the account; a history that lags behind does not take it away."""
    told = [("7", "owner", 0, "Ann"), ("7", "owner", 4, "Bob")]
    assert known(told, {"7": {"owner": "Bob Lee"}}, homes()) == [
        ("hubspot:7", "owner", 0, "Ann"),
        ("hubspot:7", "owner", 4, "Bob Lee"),
    ]


def test_a_field_that_the_crm_shows_no_more_keeps_its_past() -> None:
    """A property that was deleted or hidden empties nothing: no past month becomes another."""
    told = [
        ("7", "industry", 0, "Software"),
        ("7", "industry", 4, "Retail"),
        ("7", "country", 0, "Germany"),
    ]
    assert known(told, {"7": {"industry": None, "country": "US"}}, homes(n7="us")) == [
        ("hubspot:7", "country", 0, "DE"),
        ("hubspot:7", "industry", 0, "Software"),
        ("hubspot:7", "industry", 4, "Retail"),
    ]


def test_countries_are_codes_and_fall_back_to_the_address() -> None:
    told = [
        ("7", "country", 0, "Germany"),
        ("7", "country", 1, "de"),
        ("7", "country", 2, "somewhere"),
        ("7", "country", 3, "France"),
    ]
    assert known(told, {"7": {"country": "FR"}}, homes(n7="at")) == [
        ("hubspot:7", "country", 0, "DE"),
        ("hubspot:7", "country", 2, "AT"),
        ("hubspot:7", "country", 3, "FR"),
    ]


def test_only_accounts_of_now_have_a_past() -> None:
    told = [("6", "owner", 0, "Ann"), ("7", "owner", 1, "Bob")]
    assert known(told, {"7": {"owner": "Bob"}}, homes()) == [("hubspot:7", "owner", 1, "Bob")]


values = st.sampled_from(["Ann", "Bob", None])
histories = st.dictionaries(
    st.tuples(st.sampled_from("78"), st.sampled_from(["owner", "industry"]), st.integers(0, 8)),
    values,
)


@given(told=histories, data=st.data())
def test_the_last_value_is_the_present_one_and_no_value_stands_twice_in_a_row(
    told: dict[tuple[str, str, int], str | None], data: st.DataObject
) -> None:
    present = {n: {field: data.draw(values) for field in ("owner", "industry")} for n in "78"}
    order = data.draw(st.permutations([(*key, value) for key, value in told.items()]))
    found = known(order, present, homes())
    for number in "78":
        for field in ("owner", "industry"):
            own = [row[3] for row in found if row[:2] == (f"hubspot:{number}", field)]
            days = sorted(at for one, name, at in told if (one, name) == (number, field))
            said = [told[number, field, at] for at in days]
            if said:
                said[-1] = present[number][field] or said[-1]
            assert bool(own) == any(said)
            assert all(one != following for one, following in pairwise(own))
            if own:
                assert own[0] is not None
                assert own[-1] == said[-1]


def kept(*told: Change) -> pl.LazyFrame:
    """ACCOUNT_HISTORY as it stands."""
    rows = [
        (f"hubspot:{number}", field, START + day * DAY, value) for number, field, day, value in told
    ]
    return pl.LazyFrame(rows, schema=ACCOUNT_HISTORY.schema, orient="row")


def since(before: pl.LazyFrame, after: pl.LazyFrame) -> dict[str, int | None]:
    found = past.touched(before, after).collect().iter_rows()
    return {one: None if at is None else (at - START).days for one, at in found}


def test_what_is_new_tonight_touches_nothing_before_it() -> None:
    was = kept(("7", "owner", 0, "Ann"), ("8", "owner", 0, "Ann"))
    now = kept(("7", "owner", 0, "Ann"), ("7", "owner", 30, "Bob"), ("8", "owner", 0, "Ann"))
    assert since(was, was) == {}
    assert since(was, now) == {"hubspot:7": 30}
    assert since(now, was) == {"hubspot:7": 30}


def test_a_backdated_change_touches_from_its_day_on() -> None:
    was = kept(("7", "owner", 0, "Ann"), ("7", "owner", 30, "Bob"))
    assert since(was, kept(("7", "owner", 0, "Ann"), ("7", "owner", 12, "Bob"))) == {
        "hubspot:7": 12
    }


def test_another_earliest_value_touches_everything() -> None:
    was = kept(("7", "owner", 5, "Ann"))
    assert since(was, kept(("7", "owner", 2, "Bob"), ("7", "owner", 5, "Ann"))) == {
        "hubspot:7": None
    }
    assert since(kept(), was) == {"hubspot:7": None}


def test_an_earlier_date_of_the_same_first_value_changes_no_member() -> None:
    """The earliest value holds before it anyhow."""
    assert since(kept(("7", "owner", 5, "Ann")), kept(("7", "owner", 2, "Ann"))) == {}


def test_a_field_that_was_always_empty_is_no_news() -> None:
    assert since(kept(), kept(("7", "owner", 5, None))) == {}


def member(
    told: Mapping[tuple[str, str, int], str | None], one: str, field: str, day: int
) -> str | None:
    days = sorted(at for number, name, at in told if (number, name) == (one, field))
    if not days:
        return None
    return told[one, field, max((at for at in days if at <= day), default=days[0])]


@given(was=histories, now=histories)
def test_members_differ_from_then_on_and_not_before(
    was: dict[tuple[str, str, int], str | None], now: dict[tuple[str, str, int], str | None]
) -> None:
    found = since(
        kept(*((*key, value) for key, value in was.items())),
        kept(*((*key, value) for key, value in now.items())),
    )
    for number in "78":
        differs = [
            day
            for day in range(-1, 10)
            if any(member(was, number, f, day) != member(now, number, f, day) for f in DIMENSIONS)
        ]
        expected = {None if differs[0] < 0 else differs[0]} if differs else set()
        assert {since for one, since in found.items() if one == f"hubspot:{number}"} == expected
