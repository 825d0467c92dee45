"""What Slack's answers mean.

Belongs here: which failure certainly posted nothing, which may have posted, and which will never go away. Does not
belong here: asking. What is kept of an error names no address: a webhook's is a secret.
"""

import http.client
import re
from collections.abc import Mapping
from typing import Any
from urllib.error import URLError

from slack_sdk.errors import SlackApiError

from pipeline.alerts.delivery.letters import Outcome

PASSING = frozenset(
    {
        *("service_unavailable", "team_added_to_org", "org_login_required", "accesslimited"),
        "external_channel_migrating",
    }
)
"""Refusals that go away: nothing was posted."""
DOUBTFUL = frozenset({"internal_error", "fatal_error", "request_timeout"})
"""Errors after which it may have been posted."""
STRANGE = "an answer that is none of Slack's"
LONGEST = 24 * 3600.0
"""Seconds that a limit is believed to last at most."""
RATE_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
BLOCKS_REFUSED = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
SERVER, OK, REDIRECT, TOO_MANY = 500, 200, 300, 429
_CODE = re.compile(r"[a-z0-9_.:-]{1,100}")
_POINTER = re.compile(r"json-pointer:([^\]\s]+)")


def refused(error: SlackApiError) -> Outcome:
    """Slack answered, and did not say ok."""
    said, status = _code(error), getattr(error.response, "status_code", OK)
    if status == TOO_MANY or said in RATE_LIMITED:
        return Outcome(
            "pending",
            error=said or "ratelimited",
            wait=wait_of(getattr(error.response, "headers", {})),
        )
    if status >= SERVER or said in DOUBTFUL or said is None:
        # What is no answer of Slack's comes from something in between: nobody knows what went through.
        return Outcome("unknown", error=said or f"HTTP {status} without an answer of Slack's")
    if said in BLOCKS_REFUSED:
        return Outcome("dead", error=f"{said} at {_pointers(error)}", blocks_refused=True)
    return Outcome("pending" if said in PASSING else "dead", error=said)


def broken(error: Exception) -> Outcome:
    """The connection failed: refused before anything was sent, or broken after."""
    cause = error.reason if isinstance(error, URLError) else error
    said = _told(cause)
    if isinstance(cause, ConnectionRefusedError) or type(cause).__name__ == "gaierror":
        return Outcome("pending", error=said)
    return Outcome("unknown", error=said)


def wait_of(headers: Mapping[str, Any]) -> float | None:
    """Seconds that Slack asks to wait."""
    for name, value in headers.items():
        if name.lower() == "retry-after" and str(value).strip().isdecimal():
            return min(float(value), LONGEST)
    return None


def _told(cause: object) -> str:
    if isinstance(cause, AttributeError | TypeError):
        return STRANGE
    reason = getattr(cause, "strerror", None)
    if isinstance(cause, http.client.HTTPException) or not reason:
        return type(cause).__name__
    return f"{type(cause).__name__}: {reason}"


def _code(error: SlackApiError) -> str | None:
    """Slack's word for the error; None where the answer was none of Slack's."""
    told = getattr(error.response, "data", error.response)
    said = told.get("error") if isinstance(told, Mapping) else None
    return said if isinstance(said, str) and _CODE.fullmatch(said) else None


def _pointers(error: SlackApiError) -> str:
    """Where in the blocks Slack saw a mistake."""
    metadata = error.response.get("response_metadata") or {}
    found = _POINTER.findall(" ".join(str(each) for each in metadata.get("messages") or []))
    return ", ".join(found) or "somewhere"
