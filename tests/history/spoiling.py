"""Records of simulated companies with one field spoiled as nobody planned: missing, null, of another type, or huge.

What is spoiled is a field that figures rest on, and the value says itself that it is wrong: a plausible one could be
true. So could a null where Stripe's description allows it, as in `cancel_at`: such fields are left alone here.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson

from pipeline.sources.stripe.records import Records
from tests.sources.fuzz import ODD, places

Row = dict[str, Any]
NAMES = """
[] amount amount_off billing_scheme coupon created currency current_period_start customer data date discounts duration
flat_amount_decimal id inclusive interval interval_count items lines object percent_off percentage period
previous_attributes price price_details proration quantity recurring source start status subscription
subscription_details subscription_item subscription_item_details tax_behavior tiers type unit_amount_decimal usage_type
"""
FIELDS = frozenset(NAMES.split())
HUGE = (10**17, -(10**17), 2**62)
PLAUSIBLE = 10**13


def spoiled(row: Row, rng: random.Random, at: datetime) -> tuple[Row, str] | None:
    """The RAW_RECORD row as it would have landed, and what was done; null where nothing came of it."""
    whole = orjson.loads(row["payload"])
    found = [each for each in places(whole) if each[2].rpartition(".")[2] in FIELDS]
    path = rng.choice(sorted({path for *_, path in found}))
    holder, key, _ = rng.choice([each for each in found if each[2] == path])
    done = _spoil(holder, key, rng)
    landed = list(_landed(row["stream"], orjson.loads(json.dumps(whole)), at))
    if not landed or landed[0]["payload"] == row["payload"]:
        return None
    return row | landed[0], f"{row['stream']} {row['id']}: {path} {done}"


def _spoil(holder: Any, key: Any, rng: random.Random) -> str:
    old, how = holder[key], rng.choice(("missing", "null", "huge", "odd", "odd"))
    if how == "missing" and isinstance(holder, dict):
        del holder[key]
        return how
    value = None
    if how == "huge" and type(old) is int:
        value = rng.choice(HUGE)
    elif how == "odd":
        value = rng.choice([each for each in ODD if not _plausible(each, old)])
    holder[key] = json.loads(json.dumps(value))
    return f"is {json.dumps(value)[:40]}"


def _plausible(value: Any, old: Any) -> bool:
    """Whether it could be true."""
    if isinstance(value, int | float) and isinstance(old, int | float):
        return abs(value) < PLAUSIBLE
    return type(value) is type(old)


def _landed(stream: str, content: Any, at: datetime) -> Iterator[Row]:
    if stream == "discount":  # taken out of what holds it
        payload = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        digest = hashlib.blake2b(payload, digest_size=16).hexdigest()
        yield {"payload": payload.decode(), "hash": digest}
        return
    records = Records(keep_names=True)
    pages = (
        [records.of_events(at, [content])]
        if stream == "event"
        else records.of_list(stream, at, [content])
    )
    for page in pages:
        for record in page.records if page.stream == stream else ():
            keys = record.previous_keys
            yield {
                "id": record.id,
                "payload": record.payload.decode(),
                "hash": record.hash,
                "previous_keys": None if keys is None else list(keys),
            }
