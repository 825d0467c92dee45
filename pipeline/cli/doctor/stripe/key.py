"""What the key is: its mode, and the version of the API that it is answered in.

Belongs here: what prefix, objects and headers tell. No part of the key is shown but its prefix.
"""

from collections.abc import Set

from pipeline.cli.doctor.finding import Found
from pipeline.sources.stripe.client import API_VERSION

KINDS = {"sk": "secret key", "rk": "restricted key"}
MODES = {"live": True, "test": False}


def mode(key: str, live: bool | None) -> Found:
    """Live or test.

    Args:
        key: the key.
        live: whether the objects that it reads are of live mode; null: none was seen.
    """
    kind, _, rest = key.partition("_")
    told = MODES.get(rest.partition("_")[0]) if kind in KINDS else None
    name = KINDS[kind] if told is not None else "unknown kind of key"
    if told is not None and live is not None and told is not live:
        modes = ("live", "test") if told else ("test", "live")
        said = f"{modes[0]} mode, {name}; but what it reads is of {modes[1]} mode. Look at STRIPE_API_BASE."
        return Found("Key", "note", said)
    is_live = live if told is None else told
    if is_live is None:
        return Found("Key", "note", f"{name}; nothing tells whether it is of live or of test mode")
    if is_live:
        return Found("Key", "ok" if told else "note", f"live mode, {name}")
    return Found(
        "Key",
        "note",
        f"test mode, {name}. Lists leave out what hangs on a test clock: such customers and subscriptions do not "
        f"count.",
    )


def version(versions: Set[str | None]) -> Found:
    """Whether answers are in the version that the pipeline reads."""
    others = sorted(each for each in versions if each not in {None, API_VERSION})
    if others:
        return Found(
            "API version",
            "fail",
            f"answers are in version {others[0]}, but {API_VERSION} was asked for. Look what stands between here and "
            f"Stripe, and at STRIPE_API_BASE.",
        )
    if API_VERSION in versions:
        return Found("API version", "ok", API_VERSION)
    return Found("API version", "note", f"{API_VERSION} was asked for; no answer says its version")
