"""What is read of Salesforce: six objects, and of each the fields that are kept.

Belongs here: names of objects and fields, and the queries made of them. Does not belong here: asking.
"""

from collections.abc import Sequence
from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


@dataclass(frozen=True, slots=True)
class Object:
    """One list.

    Attributes:
        stream: its stream in the raw store.
        name: Salesforce's name of the object.
        fields: what is asked for beside the id, where the user may read it.
        personal: fields that are left out where names and e-mails are not kept.
        optional: fields that many organisations have not; nobody is told of their absence.
        where: which rows; empty: all, deleted ones too.
        whole: a row that is not listed any more does not exist any more. History and words are kept for ever.
        skippable: the others are of use without it.
    """

    stream: str
    name: str
    fields: tuple[str, ...]
    personal: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    where: str = ""
    whole: bool = False
    skippable: bool = False


ACCOUNT = Object(
    "account",
    "Account",
    _words(
        "Name Website Industry OwnerId BillingCountry AccountSource CreatedDate IsDeleted MasterRecordId"
    ),
    personal=frozenset({"Name", "Website"}),
    whole=True,
)
OPPORTUNITY = Object(
    "opportunity",
    "Opportunity",
    _words(
        "AccountId Type StageName Amount CurrencyIsoCode CloseDate OwnerId Probability IsClosed IsWon CreatedDate "
        "IsDeleted"
    ),
    # Only organisations with several currencies have it.
    optional=frozenset({"CurrencyIsoCode"}),
    whole=True,
)
OPPORTUNITY_HISTORY = Object(
    "opportunity_history",
    "OpportunityHistory",
    _words("OpportunityId CreatedDate StageName Amount CloseDate Probability IsDeleted"),
)
OPPORTUNITY_STAGE = Object(
    "opportunity_stage",
    "OpportunityStage",
    _words("ApiName MasterLabel IsClosed IsWon DefaultProbability SortOrder IsActive"),
)
USER = Object("user", "User", _words("Name Email IsActive"), personal=frozenset({"Email"}))
CONTACT = Object(
    "contact",
    "Contact",
    _words("Email AccountId"),
    where="Email != null AND AccountId != null AND IsDeleted = false",
    whole=True,
    skippable=True,
)
OBJECTS = (USER, OPPORTUNITY_STAGE, ACCOUNT, OPPORTUNITY, OPPORTUNITY_HISTORY, CONTACT)
"""In the order in which they are read: what others refer to comes first."""


def query(wanted: Object, fields: Sequence[str]) -> str:
    """The SOQL that lists an object."""
    where = f" WHERE {wanted.where}" if wanted.where else ""
    return f"SELECT {', '.join(('Id', *fields))} FROM {wanted.name}{where}"  # noqa: S608 - described names only
