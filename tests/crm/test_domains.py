"""Registrable domains are those of the public suffix list's own package."""

from importlib.resources import files

import polars as pl
from publicsuffixlist import PublicSuffixList

from pipeline.crm.domains import registrable, shared


def test_every_rule_of_the_list_reads_as_its_own_package_reads_it() -> None:
    text = files("publicsuffixlist").joinpath("public_suffix_list.dat").read_text(encoding="utf-8")
    rules = [
        line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("//")
    ]
    bases = [rule.removeprefix("!").replace("*", "w") for rule in rules]
    hosts = sorted({f"{before}{base}" for base in bases for before in ("", "a.", "b.a.")})
    ours = dict(registrable(pl.LazyFrame({"host": hosts})).collect().iter_rows())
    theirs = PublicSuffixList()
    wrong = {}
    for host in hosts:
        their = theirs.privatesuffix(host.encode("idna").decode())
        if ours.get(host) != their:
            wrong[host] = (ours.get(host), their)
    assert wrong == {}


def test_free_mail_is_known() -> None:
    known = set(shared(()).collect()["domain"])
    assert {"gmail.com", "outlook.com", "gmx.de", "web.de", "qq.com", "yahoo.co.uk"} <= known
    assert {"icloud.com", "proton.me", "t-online.de", "facebook.com"} <= known
    assert "acme.example" not in known
