"""How the product compares with the truth, feature by feature of `TURNS`; run it to read the figures.

    python -m tests.history.turns [--companies N] [--seed S] [--base] [--upgrades] [FEATURE ...]

Prints, for each feature and way of syncing, the account-months by grade, how many of them differ from the truth, and
the first that is wrong though graded `exact`.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.sandbox.company import FEATURES
from pipeline.sandbox.company.wishes import TURNS
from tests.history.records import Histories, Life, upgrading
from tests.history.test_properties import KINDS, compared

END = datetime(2026, 12, 31, 6, tzinfo=UTC)
QUIET = frozenset({"trials", "add_ons", "intervals", "seats", "plan_changes", "midnight"})
"""What a company needs for most of the turns to happen at all."""
WIDE = "many_items"


def lives(draw: random.Random, names: frozenset[str], kind: str, count: int) -> list[Life]:
    """Companies with these features, synced within 28 days (often), from some day on (late), once, or with a gap."""
    return [
        Life(
            seed=draw.randrange(2**31),
            customers=draw.randint(3, 6),
            months=draw.randint(5, 10),
            features=names,
            first={"late": draw.randint(29, 200), "once": 1000}.get(kind, draw.randint(1, 28)),
            gaps=tuple(draw.randint(1, 28) for _ in range(draw.randint(1, 6)))
            + ((draw.randint(31, 100),) if kind == "gap" else ()),
        )
        for _ in range(count)
    ]


def histories(
    seed: str, names: frozenset[str], kind: str, count: int, *, upgrades: bool = False
) -> Histories:
    """The same for the same arguments; with `upgrades` events have the shapes of several versions."""
    draw = random.Random(seed)
    found = lives(draw, names, kind, count)
    end = END - timedelta(days=draw.randint(0, 365))
    if upgrades:
        found = [upgrading(life, end, draw) for life in found]
    return Histories(found, end, "UTC")


def told(name: str, names: frozenset[str], kind: str, chosen: argparse.Namespace) -> list[str]:
    """Prints one line; returns what is silently wrong."""
    graded, wrong, silent = compared(
        histories(
            f"{chosen.seed}/{name}/{kind}", names, kind, chosen.companies, upgrades=chosen.upgrades
        )
    )
    figures = _figures(graded, wrong)
    sys.stdout.write(f"{name:20} {kind:6} {figures}  silently wrong {len(silent)}\n")
    return silent


def _figures(graded: Counter[str], wrong: Counter[str]) -> str:
    return "  ".join(f"{grade} {wrong[grade]}/{graded[grade]}" for grade in sorted(graded))


def main(given: Sequence[str]) -> Any:
    parser = argparse.ArgumentParser()
    parser.add_argument("features", nargs="*")
    parser.add_argument("--companies", type=int, default=24)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--base", action="store_true", help="beside all of FEATURES")
    parser.add_argument("--upgrades", action="store_true", help="events of older API versions")
    parser.add_argument("--shown", type=int, default=1)
    chosen = parser.parse_args(given)
    base = FEATURES - {WIDE} if chosen.base else QUIET
    for name in chosen.features or [*sorted(TURNS), "together"]:
        more = TURNS if name == "together" else frozenset(name.split("+"))
        for kind in KINDS:
            for example in told(name, base | more, kind, chosen)[: chosen.shown]:
                sys.stdout.write(f"    {example}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
