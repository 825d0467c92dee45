"""How customers are linked to CRM accounts.

Belongs here: the parameters of `pipeline.crm.accounts`, as values.
"""

from dataclasses import dataclass
from typing import Self

from pipeline.config import Config, Crm


@dataclass(frozen=True, slots=True)
class LinkRules:
    """How customers are linked.

    Attributes:
        stripe_id_fields: CRM fields that may hold Stripe customer ids, separated by `;`.
        metadata_keys: keys of Stripe's metadata that may hold a CRM id.
        segment_field: the CRM field that holds the segment; null when segments come from ACV.
    """

    stripe_id_fields: tuple[str, ...] = Crm().stripe_id_fields
    metadata_keys: tuple[str, ...] = Crm().metadata_keys
    segment_field: str | None = None

    @classmethod
    def of(cls, config: Config) -> Self:
        """The rules as `pipeline.toml` has them."""
        source = config.dimensions.segment.source
        return cls(
            stripe_id_fields=config.crm.stripe_id_fields,
            metadata_keys=config.crm.metadata_keys,
            segment_field=None if source == "acv" else source,
        )
