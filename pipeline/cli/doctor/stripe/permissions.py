"""Which streams the key may read, and the exact name of each permission that is missing.

Belongs here: one request a stream, asked as the sync asks, and the words of a refusal.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from pipeline.cli.doctor.finding import Found
from pipeline.cli.doctor.stripe.asking import Account
from pipeline.sources.stripe.refusals import FORBIDDEN, PERMISSION, Refusal, refusal
from pipeline.sources.stripe.streams import Stream

APIKEYS = "https://dashboard.stripe.com/apikeys"
"""Where a person edits keys."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What can be read."""

    streams: tuple[Stream, ...]
    found: Found


def named(refused: Refusal) -> list[str]:
    """The permissions that a refusal says are missing."""
    return PERMISSION.findall(refused.message) if refused.status == FORBIDDEN else []


def plural(stream: str) -> str:
    """A stream's objects in words."""
    return "invoice items" if stream == "invoiceitem" else f"{stream.replace('_', ' ')}s"


def examined(account: Account, streams: Sequence[Stream], pool: Executor) -> Reading:
    """Ask for one object of every stream, all of them, whatever the first ones say."""
    asked = pool.map(lambda each: account.get(each.path, {"limit": 1, **each.params}), streams)
    told = list(zip(streams, asked, strict=True))
    refused = [(stream, answer.refused) for stream, answer in told if answer.refused is not None]
    readable = tuple(stream for stream, answer in told if answer.refused is None)
    if not refused:
        return Reading(
            readable, Found("Permissions", "ok", f"all {len(streams)} streams can be read")
        )
    return Reading(readable, Found("Permissions", "fail", _told(account, refused)))


def _told(account: Account, refused: Sequence[tuple[Stream, Refusal]]) -> str:
    missing: dict[str, list[str]] = {}
    others = []
    for stream, each in refused:
        for permission in named(each):
            missing.setdefault(permission, []).append(plural(stream.name))
        if not named(each):
            others.append(str(refusal(each, account.base, stream.path)))
    if not missing:
        return "\n".join(others)
    width = max(map(len, missing))
    nouns = (
        "permission is missing. Grant it"
        if len(missing) == 1
        else "permissions are missing. Grant them"
    )
    head = f"{len(missing)} {nouns} (Read) at {APIKEYS}: the key, Edit key."
    lines = [f"{name:<{width}}  for {', '.join(told)}" for name, told in missing.items()]
    return "\n".join([head, *lines, *others])
