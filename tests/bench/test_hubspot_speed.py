"""HubSpot's benchmark itself: small counts of `bench/hubspot.py`."""

from io import StringIO

from rich.console import Console

from bench.hubspot import run, shown


def test_everything_is_read_stored_and_told() -> None:
    told = run({"companies": 620, "deals": 430, "contacts": 120}, latency=0.01)

    assert told["stored"] == {
        "company": 620, "deal": 430, "association": 430, "contact": 120, "pipeline": 1,
    }  # fmt: skip
    assert told["refused"] == 0
    assert told["requests"] >= told["needed_requests"] == 8 + 13 + 9 + 2 + 1
    assert 0 < told["share_of_floor"] < 1
    assert 50 < told["peak_mebibytes"] < 1_000

    text = StringIO()
    Console(file=text, width=120).print(shown(told))
    assert f"{told['requests']:,}" in text.getvalue()
