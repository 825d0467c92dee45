"""The sync's benchmark itself: small counts of `bench/sync.py`, without rivals."""

from io import StringIO

from rich.console import Console

from bench.sync import run, shown


def test_everything_is_read_stored_and_told() -> None:
    told = run(450, 200, rivals=0)

    one, four = told["one_list"], told["four_lists"]
    assert one["stored"] == {"subscription": 450}
    assert four["stored"] == {
        "subscription": 200, "invoice": 200, "customer": 50, "invoiceitem": 50,
    }  # fmt: skip
    for each in (one, four):
        assert each["refused"] == 0
        assert each["requests"] >= each["objects"] / 100
        # Pages take 150 ms, one after the other at first: far from the ceiling, never above it.
        assert 0 < each["share_of_ceiling"] < 1
        assert each["cpu_seconds"] > 0
        assert 50 < each["peak_mebibytes"] < 1_000
    assert told["rivals"] == []
    assert "times_the_best_rival" not in told

    text = StringIO()
    Console(file=text, width=120).print(shown(told))
    assert "ours, four lists" in text.getvalue()
