"""How customers are linked to CRM accounts.

Belongs here: the parameters of `pipeline.crm.accounts` and of the adapters, as values.
"""

from dataclasses import dataclass
from typing import Self

from pipeline.config import Config, Crm
from pipeline.crm.protocol import Fields


@dataclass(frozen=True, slots=True)
class LinkRules:
    """How customers are linked.

    Attributes:
        metadata_keys: keys of Stripe's metadata that may hold a CRM id.
        shared_domains: domains that prove nothing, beside those of free mail.
    """

    metadata_keys: tuple[str, ...] = Crm().metadata_keys
    shared_domains: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: Config) -> Self:
        """The rules as `pipeline.toml` has them."""
        return cls(config.crm.metadata_keys, config.crm.shared_domains)


def fields_of(config: Config) -> Fields:
    """The fields of a CRM that `pipeline.toml` names."""
    source = config.dimensions.segment.source
    return Fields(
        stripe_ids=config.crm.stripe_id_fields, segment=None if source == "acv" else source
    )
