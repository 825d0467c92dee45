"""How often Slack is asked at once.

Belongs here: waiting for a limit that passes soon, and leaving out blocks that Slack does not take.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pipeline.alerts.delivery.letters import Outcome

LIMITED, PATIENCE = 3, 30.0
"""How often a limit is waited for, and how many seconds at most; a longer wait is for the next delivery."""

Blocks = Sequence[dict[str, Any]]


def waited(ask: Callable[[], Outcome]) -> Outcome:
    """What comes of asking; again after as many seconds as Slack says, if they are few."""
    outcome = ask()
    for _ in range(LIMITED):
        if outcome.wait is None or outcome.wait > PATIENCE:
            break
        time.sleep(outcome.wait)
        outcome = ask()
    return outcome


def posted(post: Callable[[Blocks], Outcome], blocks: Blocks) -> Outcome:
    """What comes of posting; blocks that Slack refuses are left out once, and that is noted."""
    outcome = waited(lambda: post(blocks))
    if not outcome.blocks_refused:
        return outcome
    alone = waited(lambda: post(()))
    noted = f"{outcome.error}: sent as text alone"
    return replace(alone, error=noted) if alone.status == "sent" else alone
