"""Which sources are on: those whose credentials are set.

Belongs here: from settings to sources.
"""

from pipeline.settings import Settings
from pipeline.sources.hubspot import HubSpotSource
from pipeline.sources.limits import Patience
from pipeline.sources.protocol import Source
from pipeline.sources.stripe import StripeSource


def configured_sources(settings: Settings, patience: Patience | None = None) -> list[Source]:
    """Stripe, one source an account, and each CRM whose credentials are set; they are good for one sync.

    Raises:
        SourceError: STRIPE_API_KEY is not set.
    """
    return [*stripe_sources(settings, patience), *crm_sources(settings, patience)]


def stripe_sources(settings: Settings, patience: Patience | None = None) -> list[StripeSource]:
    """One source for each Stripe account.

    Raises:
        SourceError: STRIPE_API_KEY is not set.
    """
    stripe = settings.config.stripe
    key = settings.stripe_api_key
    accounts = stripe.accounts or (settings.stripe_account,)
    return [
        StripeSource(
            key.get_secret_value() if key else None,
            settings.stripe_api_base,
            account,
            requests_per_second=stripe.requests_per_second,
            keep_names=stripe.keep_names,
            patience=patience,
        )
        for account in accounts
    ]


def crm_sources(settings: Settings, patience: Patience | None = None) -> list[HubSpotSource]:
    """Each CRM whose credentials are set."""
    if not settings.hubspot_service_key:
        return []
    return [
        HubSpotSource(
            settings.hubspot_service_key.get_secret_value(),
            settings.hubspot_api_base,
            company_properties=settings.config.crm.stripe_id_fields,
            patience=patience,
        )
    ]
