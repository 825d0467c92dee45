"""Which fields of accounts are read because the configuration names them.

Belongs here: whose field a name is, where two CRMs share one configuration.
"""

from dataclasses import dataclass

from pipeline.config import Config, Crm

CUSTOM = "__c"


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of accounts beside the standard ones.

    Attributes:
        asked: names as the configuration has them.
        required: those of them whose absence is an error.
    """

    asked: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()


def account_fields(config: Config, *, alone: bool) -> Fields:
    """The fields that hold Stripe ids or the segment.

    Args:
        config: what `pipeline.toml` says. A field that it names has to exist; a default one need not.
        alone: no other CRM has fields. Else one that is not named as Salesforce names fields is the other's.
    """
    source = config.dimensions.segment.source
    segment = () if source == "acv" else (source,)
    asked = tuple(dict.fromkeys((*config.crm.stripe_id_fields, *segment)))
    defaults = Crm().stripe_id_fields
    required = {each for each in asked if each not in defaults and (alone or of_salesforce(each))}
    return Fields(asked, frozenset(required))


def of_salesforce(name: str) -> bool:
    """Whether a field is named as Salesforce's are: with capitals, or as a custom field."""
    return name.endswith(CUSTOM) or name != name.lower()
