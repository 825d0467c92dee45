"""The kinds of rules: what each computes of the figures.

Belongs here: pure functions from frames to observations, a module a family: `thresholds` (floor, target,
concentration), `drops` (drop, consecutive_declines), `counts` (significant_drop, segment_deterioration), `mix`
(mix_shift), `pace` (pacing), `trust` (data_quality). `chance` has the probabilities. Does not belong here: states and
messages.
"""

from pipeline.alerts.kinds.judge import MONTHLY, judge

__all__ = ["MONTHLY", "judge"]
