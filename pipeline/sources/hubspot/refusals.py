"""What HubSpot's refusals mean: whether to ask again, and what to tell a person.

Belongs here: status codes and the words for them. No message ever holds the key or anything of a record.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pipeline.errors import SourceDown, SourceError

BAD_REQUEST, UNAUTHORISED, FORBIDDEN, NOT_FOUND = 400, 401, 403, 404
TIMED_OUT, LOCKED, TOO_MANY, SERVER = 408, 423, 429, 500
SCOPE = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+){1,5}")
CATEGORY = re.compile(r"[A-Z_]{3,40}")


class BadRequest(SourceError):
    """HubSpot understands the request and does not take it."""


class NotAllowed(SourceError):
    """The key lacks a scope."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer without what was asked for."""

    status: int | None
    """HTTP's; null: no answer at all."""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    content: Any = None
    """The answer's JSON; null: it is none."""
    fault: str | None = None
    """What is wrong with an answer that says it is fine."""

    @property
    def daily(self) -> bool:
        """Whether the allowance of the day is used up."""
        return self.status == TOO_MANY and self._told("policyName") == "DAILY"

    @property
    def too_fast(self) -> bool:
        """Whether requests came faster than HubSpot lets an app ask."""
        return self.status == TOO_MANY and not self.daily

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        if self.status is None or self.fault is not None or self.status in {TIMED_OUT, LOCKED}:
            return True
        return self.too_fast or self.status >= SERVER

    @property
    def retry_after(self) -> str | None:
        """Seconds to wait, where HubSpot says so."""
        return self.headers.get("Retry-After")

    @property
    def category(self) -> str:
        """HubSpot's own word for the refusal, in brackets; empty where it gives none."""
        found = self._told("category")
        return f" ({found})" if isinstance(found, str) and CATEGORY.fullmatch(found) else ""

    @property
    def scopes(self) -> list[str]:
        """The scopes that HubSpot names as missing."""
        errors = self._told("errors")
        return sorted({each for error in _objects(errors) for each in _scopes(error)})

    def _told(self, name: str) -> Any:
        return self.content.get(name) if isinstance(self.content, dict) else None


def refusal(answer: Refusal, base: str, path: str) -> SourceError:
    """The error that tells a person what happened, and what to do."""
    at, status = f"HubSpot at {base}", answer.status
    if status is None or answer.fault is not None:
        told = f"answered {path} {answer.fault}. Try again later."
        silent = "does not answer. Check the network and HUBSPOT_API_BASE, then try again."
        return SourceDown(f"{at} {silent if status is None else told}")
    if status == FORBIDDEN:
        named = ", ".join(answer.scopes) or "companies, deals, contacts and owners (read)"
        return NotAllowed(
            f"The key in HUBSPOT_SERVICE_KEY may not read {path}. Grant it these scopes in HubSpot (Settings, "
            f"Service Keys): {named}."
        )
    if status in {UNAUTHORISED, TOO_MANY}:
        kind = SourceDown if answer.passing else SourceError
        return kind(_limited(answer, at, path))
    if status == NOT_FOUND:
        return SourceError(
            f"{at} knows no {path} (HTTP 404). Check HUBSPOT_API_BASE; if it is right, update this program."
        )
    if BAD_REQUEST <= status < SERVER and not answer.passing:
        return BadRequest(
            f"{at} does not take a request for {path} (HTTP {status}{answer.category}). Please report it."
        )
    return SourceDown(f"{at} fails on {path} (HTTP {status}). Try again later.")


def _limited(answer: Refusal, at: str, path: str) -> str:
    if answer.status == UNAUTHORISED:
        return (
            "HubSpot does not accept the key in HUBSPOT_SERVICE_KEY: it is wrong, has expired or was revoked. Copy a "
            "valid Service Key into .env."
        )
    if answer.daily:
        return (
            "HubSpot's allowance of requests for today is used up. Run the sync again tomorrow; what the last one "
            "brought stays."
        )
    return (
        f"{at} says again and again that requests come too fast (HTTP 429), now on {path}. Another program may use "
        f"the same key. Try again later."
    )


def _objects(errors: Any) -> Iterator[Any]:
    for each in errors if isinstance(errors, list) else ():
        if isinstance(each, dict):
            yield each


def _scopes(error: Any) -> Iterator[str]:
    context = error.get("context")
    for named in context.values() if isinstance(context, dict) else ():
        for each in named if isinstance(named, list) else ():
            if isinstance(each, str) and SCOPE.fullmatch(each):
                yield each
