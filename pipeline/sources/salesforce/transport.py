"""How requests to Salesforce travel: timeouts, repeats, and another server in Salesforce's place.

Belongs here: one adapter for `requests`, under simple-salesforce, which repeats nothing and waits for ever by itself.
Does not belong here: what an answer means.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
import requests
from requests.adapters import HTTPAdapter

from pipeline.sources.limits import Patience

TOO_MANY, SERVER = 429, 500
CONNECT_SECONDS = 10
LIMIT = "REQUEST_LIMIT_EXCEEDED"
BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class Transport(HTTPAdapter):
    """Sends each request until it is answered with JSON or refused for good.

    Args:
        base: in place of `https://...salesforce.com`; simple-salesforce knows no other address.
        patience: how often a request is repeated, and how long an answer may take.
    """

    def __init__(self, base: str | None, patience: Patience) -> None:
        super().__init__()
        self.base = base
        self.patience = patience
        self.status: int | None = None
        """HTTP status of the last answer; null when there was none."""

    def send(self, request: Any, *_arguments: Any, **options: Any) -> requests.Response:
        """The answer; its body is read, so that one that is cut off is seen here."""
        self.status = None
        options |= {"timeout": (CONNECT_SECONDS, self.patience.answer_seconds), "stream": False}
        if self.base:
            request.url = redirected(request.url, self.base)
            options["proxies"] = {}
        for attempt in range(1, self.patience.attempts + 1):
            last = attempt == self.patience.attempts
            try:
                response = super().send(request, **options)
                response.content  # noqa: B018 - reads it
            except requests.exceptions.SSLError:
                raise
            except BROKEN:
                if last:
                    raise
                self.patience.sleep(attempt)
                continue
            if last or not _passing(response):
                self.status = response.status_code
                return response
            self.patience.sleep(attempt, response.headers.get("Retry-After"))
        raise AssertionError("the last attempt returns or raises")


def redirected(url: str, base: str) -> str:
    """The same path and query at `base`."""
    there, wanted = urlsplit(base), urlsplit(url)
    return urlunsplit((there.scheme, there.netloc, there.path + wanted.path, wanted.query, ""))


def refusals(content: Any) -> list[dict[str, Any]]:
    """Salesforce's errors in an answer: `errorCode, message`; empty where it holds none."""
    found = content if isinstance(content, list) else []
    return [each for each in found if isinstance(each, dict) and "errorCode" in each]


def of_the_day(content: Any) -> bool:
    """Whether the allowance of the day is used up, and not only that of the moment."""
    limits = [each for each in refusals(content) if each["errorCode"] == LIMIT]
    return any("concurrent" not in str(each.get("message")).lower() for each in limits)


def _passing(response: requests.Response) -> bool:
    """Whether the same request may well be answered in a moment."""
    content = _json(response)
    if response.ok:
        return not isinstance(content, dict | list)
    if any(each["errorCode"] == LIMIT for each in refusals(content)):
        return not of_the_day(content)
    return response.status_code == TOO_MANY or response.status_code >= SERVER


def _json(response: requests.Response) -> Any:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
