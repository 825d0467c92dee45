"""The sections of `pipeline.toml` and their defaults.

Belongs here: keys, types, defaults, and rules between keys of one section. `[mrr]`, `[fx]`, `[benchmarks]`,
`[crm.files]`, `[readiness]`, `[slack]` and `[[alerts]]` have modules of their own.
"""

from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import Field, ValidationInfo, field_validator

from pipeline.config.alerts import AlertRule
from pipeline.config.benchmarks import Benchmarks
from pipeline.config.crm_files import CrmFiles
from pipeline.config.fx import Fx
from pipeline.config.policy import Mrr
from pipeline.config.readiness import Readiness
from pipeline.config.section import (
    Currency,
    Days,
    FilePath,
    Money,
    Month,
    Once,
    Said,
    Section,
)
from pipeline.config.slack import Alerting, Slack

AccountDimension = Literal["segment", "owner", "industry", "country", "channel", "cohort"]
CRON_FIELDS = 5
ItemDimension = Literal["plan", "product", "currency", "interval", "pricing_model"]


class Company(Section):
    """Whose figures these are, and the calendar they follow."""

    name: str = "Our company"
    reporting_currency: Currency = "usd"
    timezone: str = "UTC"
    first_month: Month | None = None
    """Null: the first billing month found."""
    close_day: int = Field(default=3, ge=0, le=60)
    """A month closes so many days after its end."""

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError('write an IANA time zone, for example "Europe/Berlin"')
        return value


class Exclude(Section):
    """Test and internal customers."""

    customers: tuple[Said, ...] = ()
    email_domains: tuple[Said, ...] = ()


class Stripe(Section):
    """How Stripe is read."""

    accounts: Annotated[tuple[Said, ...], Once] = ()
    """Connect or organisation accounts; empty: the key's own."""
    requests_per_second: float = Field(default=100, ge=0.1, le=1_000_000)
    """Over all endpoints; one endpoint gets 25 at most."""
    keep_names: bool = True
    """Keep customers' names and e-mails: links to the CRM and messages need them."""


class DealTypes(Section):
    """The CRM's deal types by what they mean here."""

    expansion: tuple[str, ...] = ("existingbusiness", "Existing Business")
    new: tuple[str, ...] = ("newbusiness", "New Business")
    renewal: tuple[str, ...] = ()


class AttributionDays(Section):
    """Days around a change in which a deal explains it."""

    before: Days = 45
    after: Days = 30
    influence: Days = 90


class Crm(Section):
    """How Stripe customers are linked to CRM accounts, and deals to changes."""

    order: Annotated[tuple[Literal["hubspot", "salesforce", "file"], ...], Once] = (
        "hubspot",
        "salesforce",
        "file",
    )
    override: FilePath | None = None
    """CSV stripe_customer_id,crm_account_id|ignore,reason."""
    stripe_id_fields: tuple[str, ...] = ("stripe_customer_id", "Stripe_Customer_ID__c")
    metadata_keys: tuple[str, ...] = (
        "hubspot_company_id",
        "salesforce_account_id",
        "crm_account_id",
    )
    shared_domains: tuple[str, ...] = ()
    hubspot_portal: str | None = Field(default=None, pattern=r"^\d+$")
    """HubSpot's account number: messages link companies."""
    min_coverage: float = Field(default=0.9, ge=0, le=1)
    """Share of MRR that should be linked."""
    deal_types: DealTypes = DealTypes()
    attribution_days: AttributionDays = AttributionDays()
    files: CrmFiles = CrmFiles()


class SegmentBand(Section):
    """One segment by annual contract value, `below` exclusive, in the reporting currency's major unit."""

    name: Said
    below: Money | None = None

    @field_validator("name")
    @classmethod
    def _of_some(cls, value: str) -> str:
        if value == "all":
            raise ValueError('"all" are all accounts; write another name')
        return value


class SegmentDimension(Section):
    """How an account's segment is found."""

    source: str = "acv"
    """`acv`, or the CRM field that holds it."""
    bands: tuple[SegmentBand, ...] = (
        SegmentBand(name="smb", below=Decimal(25_000)),
        SegmentBand(name="mid_market", below=Decimal(100_000)),
        SegmentBand(name="enterprise"),
    )

    @field_validator("bands")
    @classmethod
    def _ascending(cls, bands: tuple[SegmentBand, ...]) -> tuple[SegmentBand, ...]:
        limits = [band.below for band in bands]
        inner = [limit for limit in limits[:-1] if limit is not None]
        if not bands or limits[-1] is not None or len(inner) < len(limits) - 1:
            raise ValueError("every band but the last needs `below`, the last has none")
        if inner != sorted(set(inner)):
            raise ValueError("the bands' `below` must ascend")
        if len({band.name for band in bands}) < len(bands):
            raise ValueError("two bands have one name")
        return bands


class Dimensions(Section):
    """What figures are broken down by."""

    account: Annotated[tuple[AccountDimension, ...], Once] = (
        "segment",
        "owner",
        "country",
        "channel",
    )
    item: Annotated[tuple[ItemDimension, ...], Once] = ("plan", "currency", "interval")
    crossed: Annotated[tuple[tuple[AccountDimension, AccountDimension], ...], Once] = (
        ("segment", "owner"),
    )
    segment: SegmentDimension = SegmentDimension()

    @field_validator("crossed")
    @classmethod
    def _pairs(
        cls, crossed: tuple[tuple[AccountDimension, AccountDimension], ...]
    ) -> tuple[tuple[AccountDimension, AccountDimension], ...]:
        for one, other in crossed:
            if one == other:
                raise ValueError(f'a pair is of two dimensions, and both are "{one}"')
            if (other, one) in crossed:
                raise ValueError(f'"{one}" and "{other}" stand twice; write them in one order')
        return crossed

    @property
    def names(self) -> tuple[str, ...]:
        """Every dimension of the figures, as `dimension` names it."""
        return ("total", *self.account, *self.item, *("+".join(pair) for pair in self.crossed))


class Publish(Section):
    """What the warehouse keeps."""

    item_months: int = Field(default=25, ge=1, le=1200)
    """Months of item snapshots in the warehouse; Parquet keeps all."""


class Target(Section):
    """What a figure should reach."""

    metric: Literal["expansion_rate"] = "expansion_rate"
    dimension: str = "total"
    member: str = "all"
    value: float = Field(gt=0)

    @field_validator("value")
    @classmethod
    def _share(cls, value: float) -> float:
        if value > 1:
            raise ValueError("a target is a share and no percent: 2% is 0.02")
        return value


class Schedule(Section):
    """When the night runs."""

    nightly: str = "0 3 * * *"
    running: bool = True

    @field_validator("nightly")
    @classmethod
    def _cron(cls, value: str) -> str:
        if len(value.split()) != CRON_FIELDS:
            raise ValueError('write five cron fields, for example "0 3 * * *"')
        return value


class Config(Section):
    """Everything `pipeline.toml` says; an empty file gives the defaults."""

    company: Company = Company()
    exclude: Exclude = Exclude()
    mrr: Mrr = Mrr()
    fx: Fx = Fx()
    stripe: Stripe = Stripe()
    crm: Crm = Crm()
    dimensions: Dimensions = Dimensions()
    publish: Publish = Publish()
    targets: tuple[Target, ...] = ()
    slack: Slack = Slack()
    alerting: Alerting = Alerting()
    alerts: tuple[AlertRule, ...] = ()
    schedule: Schedule = Schedule()
    benchmarks: Benchmarks = Benchmarks()
    readiness: Readiness = Readiness()

    @property
    def rule_ids(self) -> list[str]:
        """The ids of the file's own alert rules."""
        return [rule.id for rule in self.alerts]

    @field_validator("alerts")
    @classmethod
    def _unique(cls, rules: tuple[AlertRule, ...]) -> tuple[AlertRule, ...]:
        ids = [rule.id for rule in rules]
        twice = sorted({each for each in ids if ids.count(each) > 1})
        if twice:
            raise ValueError(f'the id "{twice[0]}" stands twice; give each rule its own')
        return rules

    @field_validator("targets")
    @classmethod
    def _aimed(cls, targets: tuple[Target, ...], info: ValidationInfo) -> tuple[Target, ...]:
        for each in targets:
            _refuse_unknown("a target", each.dimension, info)
        whose = [(each.metric, each.dimension, each.member) for each in targets]
        twice = next((each for each in whose if whose.count(each) > 1), None)
        if twice:
            raise ValueError(f'"{twice[1]}", "{twice[2]}" has two targets; write one of them')
        return targets

    @field_validator("alerts")
    @classmethod
    def _watchable(
        cls, rules: tuple[AlertRule, ...], info: ValidationInfo
    ) -> tuple[AlertRule, ...]:
        for rule in rules:
            if rule.kind != "data_quality":
                _refuse_unknown(f'the rule "{rule.id}"', rule.dimension, info)
            if rule.kind == "target" and info.data.get("targets") == ():
                raise ValueError(
                    f'the rule "{rule.id}" has nothing to reach; write [[targets]] too'
                )
        return rules


def _refuse_unknown(what: str, dimension: str, info: ValidationInfo) -> None:
    dimensions = info.data.get("dimensions")
    if isinstance(dimensions, Dimensions) and dimension not in dimensions.names:
        raise ValueError(
            f'{what} is on the dimension "{dimension}", which [dimensions] does not name; '
            f"there are {', '.join(dimensions.names)}"
        )
