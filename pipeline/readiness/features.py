"""What a regression sees of an account: how strongly each rule speaks, and what trouble there is.

Belongs here: the columns. They are those that the rules are made of, so that both ways of giving points have the same
reasons.
"""

import polars as pl

from pipeline.readiness.score import OF_DEALS, RULES, TROUBLES

NAMES = (*(rule.name for rule in RULES), *TROUBLES)
NOT_OF_DEALS = tuple(name for name in NAMES if name not in OF_DEALS)


def seen(name: str) -> str:
    """The column of a feature."""
    return f"seen_{name}"


def features() -> list[pl.Expr]:
    """0 to 1 for each of NAMES, from what `indicators` gives; null where a rule's fact is not known."""
    rules = [rule.strength.cast(pl.Float32).alias(seen(rule.name)) for rule in RULES]
    troubles = [holds.cast(pl.Float32).alias(seen(name)) for name, (holds, _) in TROUBLES.items()]
    return [*rules, *troubles]
