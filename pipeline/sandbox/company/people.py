"""Who the customers are: invented companies with a trade, a country, a size and a currency.

What belongs here: the cast. What does not: what they do (`behaviour`).
"""

from dataclasses import dataclass, field
from random import Random

from pipeline.sandbox.company.records import Customer

FIRST = (
    "Amber", "Birch", "Cobalt", "Delta", "Ember", "Fern", "Granite", "Harvest", "Indigo", "Juniper",
    "Kestrel", "Larch", "Maple", "Northwind", "Opal", "Pebble", "Quarry", "Raven", "Saffron",
    "Tidewater", "Umber", "Verdant", "Willow", "Yarrow", "Zephyr", "Copper", "Drift", "Falcon",
    "Glacier", "Heron", "Iron", "Jasper", "Lumen", "Mistral", "Nimbus", "Orbit", "Prairie", "Slate",
)  # fmt: skip
SECOND = (
    "Analytics", "Freight", "Foods", "Health", "Learning", "Media", "Motors", "Outfitters",
    "Payments", "Pharma", "Robotics", "Software", "Studios", "Systems", "Textiles", "Travel",
    "Works", "Logistics", "Insurance", "Energy", "Labs", "Retail",
)  # fmt: skip
INDUSTRIES = {
    "Analytics": "COMPUTER_SOFTWARE", "Freight": "LOGISTICS_AND_SUPPLY_CHAIN",
    "Foods": "FOOD_PRODUCTION", "Health": "HOSPITAL_HEALTH_CARE", "Learning": "E_LEARNING",
    "Media": "ONLINE_MEDIA", "Motors": "AUTOMOTIVE", "Outfitters": "RETAIL",
    "Payments": "FINANCIAL_SERVICES", "Pharma": "PHARMACEUTICALS", "Robotics": "MACHINERY",
    "Software": "COMPUTER_SOFTWARE", "Studios": "ENTERTAINMENT", "Systems": "COMPUTER_SOFTWARE",
    "Textiles": "TEXTILES", "Travel": "LEISURE_TRAVEL_TOURISM", "Works": "MACHINERY",
    "Logistics": "LOGISTICS_AND_SUPPLY_CHAIN", "Insurance": "INSURANCE",
    "Energy": "RENEWABLES_ENVIRONMENT", "Labs": "BIOTECHNOLOGY", "Retail": "RETAIL",
}  # fmt: skip
COUNTRIES = {
    "usd": (("United States", "US"), ("Canada", "CA"), ("Australia", "AU"), ("Singapore", "SG")),
    "eur": (("Germany", "DE"), ("France", "FR"), ("Netherlands", "NL"), ("Spain", "ES")),
}
EURO = 0.3
UNLINKED = 0.04
CHANNELS = (
    "ORGANIC_SEARCH",
    "PAID_SEARCH",
    "REFERRALS",
    "DIRECT_TRAFFIC",
    "SOCIAL_MEDIA",
    "OFFLINE",
)


@dataclass(eq=False)
class Account:
    """A company that may become a customer; its `rng` draws everything it ever does."""

    number: int
    rng: Random
    name: str
    domain: str
    industry: str
    country: str
    country_code: str
    currency: str
    size: str
    channel: str
    employees: int
    unlinked: bool
    crm_id: str = ""
    customers: list[Customer] = field(default_factory=list)


def make_account(seed: int, number: int, euro: bool) -> Account:
    """The `number`-th account of a company; the same for the same seed, whatever came before."""
    rng = Random(f"{seed}/account/{number}")  # noqa: S311
    first, second = (
        FIRST[number * 7 % len(FIRST)],
        SECOND[(number * 5 + number // 38) % len(SECOND)],
    )
    turn = number // (len(FIRST) * len(SECOND) // 2)
    name = f"{first} {second}" + (f" {turn + 1}" if turn else "")
    currency = "eur" if euro and rng.random() < EURO else "usd"
    country, code = rng.choices(COUNTRIES[currency], weights=(6, 2, 1, 1))[0]
    size = rng.choices(("small", "middle", "large"), weights=(52, 35, 13))[0]
    employees = {"small": (4, 60), "middle": (50, 400), "large": (300, 6000)}[size]
    return Account(
        number=number,
        rng=rng,
        name=name,
        domain=f"{name.lower().replace(' ', '-')}.example",
        industry=INDUSTRIES[second],
        country=country,
        country_code=code,
        currency=currency,
        size=size,
        channel=rng.choice(CHANNELS),
        employees=rng.randint(*employees),
        unlinked=rng.random() < UNLINKED,
    )
