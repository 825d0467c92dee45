"""What a sync tells of itself while it runs."""

import pytest

from pipeline.lake.progress import Progress, span
from pipeline.sources.stripe.slices import PAGE, Slice, Slices


def test_how_far_how_fast_and_how_long() -> None:
    progress = Progress("stripe", "credit_note", 40_000, 0, False, 16.0, 400, 61_234, 25.0)
    assert progress.told == (
        "credit note: 40,000 of about 100,000, 2,500/s, 25.0 of 25 requests/s, 24 s left"
    )


def test_what_nobody_can_say_is_not_said() -> None:
    assert Progress("hubspot", "deal", 300, 0, done=False).told == "deal: 300"
    done = Progress("stripe", "price", 40, 40, True, 0.2, 1, 0, 25.0)
    assert done.told == "price: 40"
    assert done.seconds_left == 0


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (119, "119 s"), (121, "2 min"), (9_000, "2 h 30 min")]
)
def test_spans_of_time(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_how_much_of_a_list_is_to_come() -> None:
    slices = Slices([Slice(1_000_000)])
    assert slices.expected() is None
    slice_ = slices.take()
    assert slice_ is not None
    page = [{"id": f"x{at}", "created": 1_100_000 - at * 10} for at in range(PAGE)]
    slices.read(slice_, page, more=True)
    assert slices.expected() == pytest.approx(100_000 / 10, rel=0.03)
    older = slices.take()
    assert older is not None
    assert len(slices.busy) == 2
    slices.read(slice_, [], more=False)
    slices.read(older, [], more=False)
    assert slices.expected() == 0
