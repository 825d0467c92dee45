"""Domains of e-mail addresses and web addresses, down to what somebody registered.

Belongs here: the host in an address, its registrable domain by the public suffix list (acme.co.uk of
mail.acme.co.uk), and domains that many share, as those of free mail (`domains.csv`). International names are compared
in their ASCII spelling.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import idna
import polars as pl

EXCEPTION, WILDCARD = "!", "*."


def web_host(written: pl.Expr) -> pl.Expr:
    """The host of a domain or a web address as written, in small letters; null where there is none."""
    return _host(
        written.str.strip_chars()
        .str.to_lowercase()
        .str.replace(r"^([a-z][a-z0-9+.-]*:)?//", "")
        .str.extract(r"^([^/?#\\\s,]+)")
        .str.replace(r"^.*@", "")
        .str.replace(r":\d*$", "")
    )


def email_host(written: pl.Expr) -> pl.Expr:
    """The host of an e-mail address as written, in small letters; null where there is none."""
    return _host(written.str.strip_chars().str.to_lowercase().str.extract(r"@([^@\s>]+)$"))


def email(written: pl.Expr) -> pl.Expr:
    """An e-mail address such that equal ones are equal: trimmed, in small letters."""
    return written.str.strip_chars().str.to_lowercase()


def registrable(hosts: pl.LazyFrame) -> pl.LazyFrame:
    """`host, domain`: the registrable domain of each distinct host that has one.

    Args:
        hosts: a frame with the column `host`, as `web_host` and `email_host` give it.
    """
    distinct = hosts.select("host").filter(pl.col("host").is_not_null()).unique()
    foreign = pl.col("host").str.contains(r"[^\x00-\x7F]")
    spelled = pl.concat(
        [
            distinct.filter(~foreign).with_columns(ascii="host"),
            distinct.filter(foreign).with_columns(
                ascii=pl.col("host").map_elements(_ascii, return_dtype=pl.String)
            ),
        ]
    )
    return _domain(spelled).select("host", "domain").filter(pl.col("domain").is_not_null())


def shared(more: Sequence[str]) -> pl.LazyFrame:
    """`domain`: the registrable domains that prove nothing, as they are of many.

    Args:
        more: further ones, as the user writes them.
    """
    known = files("pipeline.crm").joinpath("domains.csv").read_text(encoding="utf-8").split()[1:]
    written = pl.LazyFrame({"written": [*known, *more]}, schema={"written": pl.String})
    hosts = written.select(host=web_host(pl.col("written").str.strip_prefix("@")))
    return registrable(hosts).select("domain").unique()


def held(account: pl.LazyFrame, more: Sequence[str]) -> pl.LazyFrame:
    """`crm, account_id, domain`: the registrable domains of each account that prove something.

    Args:
        account: TOLD_ACCOUNT with `account_id`, the survivor.
        more: further domains that prove nothing.
    """
    written = account.select("crm", "account_id", written="domains").explode("written")
    hosts = written.select("crm", "account_id", host=web_host(pl.col("written")))
    found = registrable(hosts).join(shared(more), on="domain", how="anti")
    return hosts.join(found, on="host").select("crm", "account_id", "domain").unique()


def several(held: pl.LazyFrame) -> pl.LazyFrame:
    """`domain, crm, accounts`: domains that more than one account of a CRM has, and which."""
    listed = held.group_by("domain", "crm").agg(accounts=pl.col("account_id").sort())
    count = pl.col("accounts").list.len()
    return listed.filter(count > 1).sort(count, "domain", "crm", descending=[True, False, False])


def _host(text: pl.Expr) -> pl.Expr:
    """The text where it can be a name of the internet: two labels or more, the last no number."""
    host = text.str.strip_chars_end(".")
    return pl.when(host.str.contains(r"^[^.\s]+(\.[^.\s]+)*\.[^.\s]*[^.\s\d][^.\s]*$")).then(host)


def _domain(spelled: pl.LazyFrame) -> pl.LazyFrame:
    """`spelled` with `domain`, the registrable one of `ascii`; null where that is a public suffix itself."""
    rules, deepest = _rules()
    labels = pl.col("ascii").str.split(".")
    excepted = sorted({rule.count(".") + 1 for rule in rules[EXCEPTION]})
    counts = range(1, deepest + 1)
    here = [pl.when(pl.col(f"end{count}").is_in(rules[""])).then(count) for count in counts] + [
        pl.when(pl.col(f"end{count - 1}").is_in(rules[WILDCARD]), pl.col("count") >= count).then(
            count
        )
        for count in counts[1:]
    ]
    exceptions = [
        pl.when(pl.col(f"end{count}").is_in(rules[EXCEPTION])).then(count - 1) for count in excepted
    ]
    return (
        spelled.with_columns(labels=labels, count=labels.list.len())
        .with_columns(
            pl.when(pl.col("count") >= count)
            .then(pl.col("labels").list.tail(count).list.join("."))
            .alias(f"end{count}")
            for count in counts
        )
        .with_columns(suffix=pl.coalesce(*exceptions, pl.max_horizontal(1, *here)))
        .with_columns(
            domain=pl.when(pl.col("count") > pl.col("suffix")).then(
                pl.col("labels").list.tail(pl.col("suffix") + 1).list.join(".")
            )
        )
    )


@cache
def _rules() -> tuple[dict[str, list[str]], int]:
    """The public suffix list: names by kind of rule (plain, wildcard, exception), and the most labels of a rule."""
    text = files("publicsuffixlist").joinpath("public_suffix_list.dat").read_text(encoding="utf-8")
    rules: dict[str, list[str]] = {"": [], WILDCARD: [], EXCEPTION: []}
    deepest = 1
    for line in text.splitlines():
        rule = line.partition(" ")[0].strip()
        if not rule or rule.startswith("//"):
            continue
        kind = next((each for each in (WILDCARD, EXCEPTION) if rule.startswith(each)), "")
        name = _ascii(rule.removeprefix(kind).lower())
        if name is not None:
            rules[kind].append(name)
        deepest = max(deepest, rule.count(".") + 1)
    return rules, deepest


def _ascii(host: str) -> str | None:
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        return None
