"""Which sources are on: those whose credentials or files are set.

Belongs here: from settings to sources. Does not belong here: what becomes of one that cannot be read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.errors import ConfigError
from pipeline.settings import Settings
from pipeline.sources.files import FilesSource
from pipeline.sources.hubspot import HubSpotSource
from pipeline.sources.limits import Patience
from pipeline.sources.protocol import Source
from pipeline.sources.stripe import StripeSource


@dataclass(frozen=True, slots=True)
class ConnectedCrm:
    """A CRM that is set up.

    Attributes:
        name: hubspot, salesforce or file, as in `crm.order`.
        title: its name for people.
        connected_by: the setting that connects it.
        open: makes its source, which is good for one sync. Raises SourceError where that takes an answer that does not
            come, as a login.
    """

    name: str
    title: str
    connected_by: str
    open: Callable[[], Source]


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


def crm_sources(settings: Settings, patience: Patience | None = None) -> list[ConnectedCrm]:
    """Each CRM that is set up; nothing is asked of it before it is opened.

    Raises:
        ConfigError: `crm.order` leaves one out.
    """
    connected = list(_connected(settings, patience))
    order = settings.config.crm.order
    for each in connected:
        if each.name not in order:
            raise ConfigError(
                f'crm.order leaves out "{each.name}", which is connected ({each.connected_by}). Write it into '
                f"crm.order, or take {each.connected_by} away."
            )
    return sorted(connected, key=lambda each: order.index(each.name))


def _connected(settings: Settings, patience: Patience | None) -> Iterator[ConnectedCrm]:
    if settings.hubspot_service_key:
        yield ConnectedCrm(
            "hubspot",
            "HubSpot",
            "HUBSPOT_SERVICE_KEY",
            lambda: HubSpotSource.of(settings, patience),
        )
    if settings.salesforce_connected:
        yield ConnectedCrm(
            "salesforce", "Salesforce", "SALESFORCE_DOMAIN", lambda: _salesforce(settings, patience)
        )
    config = settings.config
    if config.crm.files.accounts or config.crm.files.deals:
        yield ConnectedCrm(
            "file",
            "The CRM's export",
            "crm.files",
            lambda: FilesSource(config.crm.files, keep_names=config.stripe.keep_names),
        )


def _salesforce(settings: Settings, patience: Patience | None) -> Source:
    # simple-salesforce takes a third of a second to load.
    from pipeline.sources.salesforce.source import SalesforceSource  # noqa: PLC0415

    return SalesforceSource.of(settings, patience)
