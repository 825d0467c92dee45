"""Probabilities: how often chance alone does what was seen.

Belongs here: exact tests on counts, and how many of several findings to believe. Plain numbers in and out.
"""

import math
from collections.abc import Sequence

NEGLIGIBLE = 1e-17


def binomial_tail(seen: int, trials: int, share: float) -> float:
    """The probability of at most `seen` successes in `trials`, each with probability `share`.

    Exact: terms are added downwards from `seen`, where they only get smaller; over the mean it is one minus the other
    tail.
    """
    if seen >= trials:
        return 1.0
    if seen < 0:
        return 0.0
    if not 0 < share < 1:
        return 1.0 if share <= 0 else 0.0
    if seen > trials * share:
        return 1.0 - binomial_tail(trials - seen - 1, trials, 1 - share)
    odds = (1 - share) / share
    term = math.exp(
        math.lgamma(trials + 1)
        - math.lgamma(seen + 1)
        - math.lgamma(trials - seen + 1)
        + seen * math.log(share)
        + (trials - seen) * math.log1p(-share)
    )
    total = 0.0
    for count in range(seen, -1, -1):
        total += term
        term *= odds * count / (trials - count + 1)
        if term < total * NEGLIGIBLE:
            break
    return min(total, 1.0)


def fewer_than_before(
    seen: int, exposure: float, before: int, exposure_before: float, spread: float = 1.0
) -> float:
    """The probability of so few events now if their rate were that of before.

    The conditional test of two Poisson rates: given the sum of both counts, the count now is binomial with the share
    of the exposure that is now. `spread` is how many times larger than Poisson's the variance is; the counts are
    scaled down by it.
    """
    if exposure <= 0 or exposure_before <= 0:
        return 1.0
    now = math.ceil(seen / spread)
    then = math.floor(before / spread)
    return binomial_tail(now, now + then, exposure / (exposure + exposure_before))


def believed(chances: Sequence[float], q: float) -> list[bool]:
    """Which of several findings to believe, so that at most the share `q` of them is chance (Benjamini-Hochberg)."""
    ranked = sorted(range(len(chances)), key=chances.__getitem__)
    last = 0
    for place, index in enumerate(ranked, 1):
        if chances[index] <= q * place / len(chances):
            last = place
    kept = set(ranked[:last])
    return [index in kept for index in range(len(chances))]
