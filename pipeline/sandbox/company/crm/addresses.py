# ruff: noqa: PLR2004 - the numbers of this module are chances
"""The domains and e-mail addresses that companies have, and how people write them down.

What belongs here: names drawn from a generator. What does not: which account has which (`life`).
"""

from random import Random

AGENCIES = ("brightside-agency.example", "northgate.co.uk")
"""Domains of agencies that get the bills of several customers: whoever matches domains must be told."""
FREE_MAIL = ("gmail.com", "outlook.com", "gmx.de", "yahoo.co.uk", "proton.me", "web.de")
SUFFIXES = ("co.uk", "com.au", "co.jp", "com.br", "de", "com")
PEOPLE = ("jo.field", "sam.reed", "kim.moss", "alex.dale", "pat.ford")


def slug(name: str) -> str:
    """A company's name as a part of an address."""
    return name.lower().replace(" ", "-")


def domain(name: str, rng: Random) -> str:
    """A domain of the company's own: often under a country's suffix, now and then with an umlaut."""
    draw = rng.random()
    if draw < 0.1:
        return f"büro-{slug(name)}.example"
    if draw < 0.5:
        return f"{slug(name)}-example.{rng.choice(SUFFIXES)}"
    return f"{slug(name)}.example"


def plain(host: str) -> str:
    """A host as e-mail programs write it."""
    return host.encode("idna").decode()


def written(host: str, rng: Random) -> str:
    """A domain as somebody typed or pasted it."""
    return rng.choice((
        host,
        host,
        f"www.{host}",
        f"https://www.{host}/",
        f"http://{host}/about-us?ref=crm",
        f"{host}/",
        host.upper(),
        f" {host} ",
        f"HTTPS://Shop.{host}:8443/Start",
        f"{host}.",
        plain(host),
    ))  # fmt: skip


def cased(address: str, rng: Random) -> str:
    """An address in one of the ways in which it is typed."""
    return rng.choice((address, address, address.upper(), address.title()))


def bill_to(kind: str, name: str, host: str, rng: Random) -> str | None:
    """Where a customer gets its bills: `own`, `below` its domain, `agency`, `free`, `person`, `elsewhere`, `none`."""
    host, who = plain(host), rng.choice(PEOPLE)
    free, agency = rng.choice(FREE_MAIL), rng.choice(AGENCIES)
    return {
        "own": f"billing@{host}",
        "below": f"billing@mail.{host}",
        "agency": rng.choice((f"{slug(name)}@{agency}", f"accounts@{agency}")),
        "free": f"{slug(name)}@{free}",
        "person": f"{who}@{host}",
        "elsewhere": f"{who}@{slug(name)}-holding.example",
        "none": None,
    }[kind]
