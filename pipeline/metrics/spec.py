"""What is to be computed: dimensions, targets, benchmark bands, versions of closed months.

Belongs here: the parameters of `pipeline.metrics.expansion`, as values.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self

from pipeline.config import Benchmarks, Config, Dimensions, Target


@dataclass(frozen=True, slots=True)
class MetricsSpec:
    """What is to be computed.

    Attributes:
        dimensions: account, item and crossed dimensions, and the segments' bands.
        targets: what the expansion rate of a member should reach; they judge the window of one month.
        benchmarks: the bands a rate is judged by.
        versions: the version of each month that has been published before; 1 for the others.
    """

    dimensions: Dimensions = field(default_factory=Dimensions)
    targets: tuple[Target, ...] = ()
    benchmarks: Benchmarks = field(default_factory=Benchmarks)
    versions: Mapping[date, int] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Config, versions: Mapping[date, int] | None = None) -> Self:
        """The parameters as `pipeline.toml` has them."""
        return cls(config.dimensions, config.targets, config.benchmarks, versions or {})
