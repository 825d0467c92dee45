"""`[benchmarks]`: the bands a rate is judged by.

Belongs here: bands and their defaults. Bands are half-open: at_least <= value < below.
"""

from pydantic import Field

from pipeline.config.section import Section, Share


class Band(Section):
    """One band; values are shares (0.05 = 5%)."""

    name: str = ""
    at_least: Share | None = None
    below: Share | None = None

    def holds(self, value: float) -> bool:
        """Whether `value` lies in the band."""
        return (self.at_least is None or value >= self.at_least) and (
            self.below is None or value < self.below
        )


def _band(at_least: float | None, below: float | None, name: str = "") -> Band:
    return Band(name=name, at_least=at_least, below=below)


class Benchmarks(Section):
    """Monthly bands judge the window of 1 month, annual bands that of 12."""

    monthly_expansion_rate: tuple[Band, ...] = (
        _band(0.05, None, "strong"),
        _band(0.02, 0.05, "healthy"),
        _band(None, 0.02, "low"),
    )
    annual_expansion_rate: tuple[Band, ...] = (
        _band(0.25, None, "best"),
        _band(0.15, 0.25, "excellent"),
        _band(0.10, 0.15, "good"),
        _band(0.05, 0.10, "acceptable"),
        _band(None, 0.05, "needs_improvement"),
    )
    expansion_share_of_new: tuple[Band, ...] = (
        _band(0.30, None, "top_quartile"),
        _band(0.15, 0.30, "median"),
        _band(None, 0.15, "developing"),
    )
    nrr_annual: tuple[Band, ...] = (_band(1.2, None, "best"),)
    by_segment_annual: dict[str, Band] = Field(
        default_factory=lambda: {
            "enterprise": _band(0.20, 0.35),
            "mid_market": _band(0.15, 0.25),
            "smb": _band(0.10, 0.20),
        }
    )
    by_pricing_model_annual: dict[str, Band] = Field(
        default_factory=lambda: {
            "usage": _band(0.30, 0.50),
            "seat": _band(0.15, 0.25),
            "flat": _band(0.05, 0.15),
            "tier": _band(0.05, 0.15),
        }
    )

    @staticmethod
    def band(bands: tuple[Band, ...], value: float | None) -> str | None:
        """The name of the first band that holds `value`; null for null and where no band does."""
        if value is None:
            return None
        return next((band.name for band in bands if band.holds(value)), None)
