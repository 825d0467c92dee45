"""Who is forgotten: the customers that are meant, and what of the CRMs is theirs alone.

Belongs here: finding them in what is stored. Erasing it is in `pipeline.assets.forgetting`.
"""

import json

import polars as pl

from pipeline.assets.place import Place
from pipeline.errors import UnknownAccount
from pipeline.schemas import (
    ACCOUNT_ALIAS,
    ACCOUNT_LINK,
    ACCOUNT_LINK_CHANGE,
    CRM_DEAL,
    CUSTOMER,
    FORGOTTEN,
    RAW_RECORD,
)
from pipeline.sources.erasing import CRMS, PERSONAL, Erasing, parts


def customers(place: Place, who: str) -> frozenset[str]:
    """The customers that are meant: by id, or by an e-mail that any record of them ever had."""
    if "@" not in who:
        known = _stripe(place, "customer").filter(pl.col("id") == who).select("id")
    else:
        text = pl.col("payload").str.to_lowercase()
        named = text.str.contains(f'"email":{_as_json(who.strip().lower())}', literal=True)
        event = pl.col("payload").str.json_path_match("$.data.object.id")
        known = pl.concat(
            [
                _stripe(place, "customer").filter(named).select("id"),
                _stripe(place, "event")
                .filter(named, pl.col("payload").str.contains('"type":"customer.', literal=True))
                .select(id=event)
                .filter(pl.col("id").str.starts_with("cus_")),
            ]
        )
    found = frozenset(known.unique().collect()["id"])
    if not found:
        raise UnknownAccount(
            "No Stripe customer with this id or e-mail address is in the lake. Nothing was changed. "
            "A customer that was renamed is found by its id (cus_...)."
        )
    return found


def _stripe(place: Place, stream: str) -> pl.LazyFrame:
    partition = f"stripe.{stream}"
    return place.lake.read(RAW_RECORD, place.lake.paths(RAW_RECORD, partition))


def kept_links(place: Place) -> pl.DataFrame:
    """ACCOUNT_LINK of those who are forgotten: what linked them is erased, and their link stays.

    Of one whose account has left the CRM since, the link as it was: the account may come back.
    """
    forgotten = (
        place.lake.scan(FORGOTTEN)
        .filter(pl.col("stream") == "customer")
        .group_by(customer_id="id")
        .agg(since=pl.col("forgotten_at").min())
    )
    links = place.lake.scan(ACCOUNT_LINK).join(forgotten, on="customer_id").collect()
    alone = links.lazy().filter(pl.col("method") == "none").select("customer_id", "since")
    lost = (
        place.lake.scan(ACCOUNT_LINK_CHANGE)
        .join(alone, on="customer_id")
        .filter(pl.col("at") > pl.col("since"), pl.col("new_method") == "none")
        .sort("at")
        .unique("customer_id", keep="last", maintain_order=True)
        .select("customer_id", account_id="old_account_id", method="old_method")
        .collect()
    )
    return pl.concat([links.drop("since"), lost], how="diagonal")


def rows(place: Place, meant: frozenset[str]) -> pl.DataFrame:
    """FORGOTTEN rows: the customers; accounts of a CRM that only they are linked to, with deals and contacts."""
    lake, now = place.lake, place.settings.now()
    gone = meant | frozenset(
        lake.scan(FORGOTTEN).filter(pl.col("stream") == "customer").collect()["id"]
    )
    links = lake.scan(ACCOUNT_LINK).collect()
    mine = pl.col("customer_id").is_in(gone)
    theirs = set(links.filter(mine).get_column("account_id")) - gone
    # Who is one of several for somebody else stays one of them.
    candidates = pl.col("candidates").str.json_decode(pl.List(pl.String)).explode()
    others = links.filter(~mine)
    theirs -= set(others["account_id"]) | set(others.select(candidates).to_series().drop_nulls())
    alias = lake.scan(ACCOUNT_ALIAS).filter(pl.col("account_id").is_in(theirs)).collect()
    known = {*alias.select("crm", "crm_id").iter_rows(), *_gone_accounts(place, gone)}
    sold = {
        *(tuple(each.split(":", 1)) for each in _deals(place, theirs)),
        *_gone_deals(place, {each for crm, each in known if crm == "hubspot"}),
    }
    found = [
        *(("stripe", "customer", each, now) for each in sorted(meant)),
        *((crm, CRMS[crm].account, each, now) for crm, each in sorted(known)),
        *((crm, CRMS[crm].deal, each, now) for crm, each in sorted(sold)),
        *((crm, CRMS[crm].contact, each, now) for crm, each in _contacts(place, gone)),
    ]
    return pl.DataFrame(found, schema=FORGOTTEN.schema, orient="row")


def _gone_accounts(place: Place, gone: frozenset[str]) -> set[tuple[str, str]]:
    """CRM and id of each account that the CRM has no more, and that nobody but they was ever linked to."""
    lake = place.lake
    former = lake.scan(ACCOUNT_LINK_CHANGE).select("customer_id", was="old_account_id")
    mine = pl.col("customer_id").is_in(gone)
    kept = [
        former.filter(~mine).select("was"),
        lake.scan(ACCOUNT_LINK).select(was="account_id"),
        lake.scan(ACCOUNT_ALIAS).select(was=pl.format("{}:{}", "crm", "crm_id")),
    ]
    left = former.filter(mine).join(pl.concat(kept), on="was", how="anti").unique().collect()
    split = (tuple(each.split(":", 1)) for each in left["was"] if ":" in each)
    return {(crm, id_) for crm, id_ in split if crm in CRMS}


def _deals(place: Place, theirs: set[str]) -> list[str]:
    """The deals of accounts, with their CRM's name."""
    held = place.lake.scan(CRM_DEAL).filter(pl.col("account_id").is_in(theirs))
    return held.select("deal_id").collect()["deal_id"].to_list()


def _gone_deals(place: Place, companies: set[str]) -> set[tuple[str, str]]:
    """Deals that HubSpot has no more and that belonged to these companies: an earlier version kept their names."""
    paths = place.lake.paths(RAW_RECORD, "hubspot.association") if companies else []
    if not paths:
        return set()
    forms = ('"toObjectId":{}}}', '"toObjectId":{},', '"toObjectId":"{}"')
    ends = [form.format(each) for each in sorted(companies) for form in forms]
    here = place.lake.scan(CRM_DEAL).select(id=pl.col("deal_id").str.strip_prefix("hubspot:"))
    named = place.lake.read(RAW_RECORD, paths).filter(pl.col("payload").str.contains_any(ends))
    found = named.select("id").unique().join(here, on="id", how="anti").collect()
    return {("hubspot", each) for each in found["id"]}


def _contacts(place: Place, gone: frozenset[str]) -> list[tuple[str, str]]:
    """CRM and id of each contact that has an e-mail that they have or ever had, and nobody else has."""
    address = pl.col("email").str.strip_chars().str.to_lowercase()
    held = place.lake.scan(CUSTOMER).select("customer_id", email=address).collect()
    mine = pl.col("customer_id").is_in(gone)
    own = set(held.filter(mine)["email"].drop_nulls()) | _addresses(place, gone)
    emails = own - set(held.filter(~mine)["email"]) - {""}
    found = []
    for crm, streams in CRMS.items():
        paths = place.lake.paths(RAW_RECORD, f"{crm}.{streams.contact}") if emails else []
        if not paths:
            continue
        text = pl.col("payload").str.to_lowercase()
        named = text.str.contains_any([_as_json(each)[1:-1] for each in sorted(emails)])
        stored = place.lake.read(RAW_RECORD, paths).filter(named).select("id", "payload").collect()
        for id_, payload in stored.iter_rows():
            if {each.lower() for each in names((crm, streams.contact), payload)} & emails:
                found.append((crm, id_))
    return sorted(set(found))


def _addresses(place: Place, gone: frozenset[str]) -> set[str]:
    """Every e-mail that a record of these customers ever had."""
    named = pl.col("payload").str.contains_any(sorted(gone))
    told = pl.col("payload").str.contains('"type":"customer.', literal=True)
    stored = pl.concat(
        [
            _stripe(place, "customer").filter(pl.col("id").is_in(gone)).select("payload"),
            _stripe(place, "event").filter(named & told).select("payload"),
        ]
    ).collect()
    found = {each for payload in stored["payload"] for each in names(("stripe", ""), payload)}
    return {each.strip().lower() for each in found if "@" in each}


def _as_json(text: str) -> str:
    """The text as records hold it."""
    return json.dumps(text, ensure_ascii=False)


def accounts(erasing: Erasing) -> set[str]:
    """The ids of the accounts that are forgotten, with their CRM's name."""
    return {f"{crm}:{each}" for crm in CRMS for each in erasing.accounts(crm)}


def names(kind: tuple[str, str], payload: str) -> set[str]:
    """What a record of a source and stream calls somebody: names, e-mails, domains, as they may stand in messages."""
    content = json.loads(payload)
    held = parts(content)
    if kind[0] == "stripe":
        data = content.get("data") or {}
        held += [data.get(name) or {} for name in ("object", "previous_attributes")]
        held = [each for each in held if each.get("object") in {None, "customer"}]
        kind = ("stripe", "customer")
    values = [part.get(name) for part in held for name in PERSONAL.get(kind, ())]
    texts = [each for each in values if isinstance(each, str)]
    split = {each.strip() for text in texts for each in text.split(";")} | {*texts}
    return {each for each in split if each}
