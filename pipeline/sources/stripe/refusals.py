"""What Stripe's refusals mean: whether to ask again, and what to tell a person.

Belongs here: status codes and the words for them. Source of the codes: docs/sync.md, "When Stripe refuses".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pipeline.errors import SourceDown, SourceError

PERMISSION = re.compile(r"'(rak_\w+)'")
NAME = re.compile(r"(?![sr]k_)[A-Za-z0-9_.\[\]-]{1,60}")
"""A word of Stripe's own, or the name of a parameter."""
REQUEST = re.compile(r"req_[A-Za-z0-9]{1,40}")
REDIRECT, UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 300, 401, 403, 404
CONFLICT, TOO_MANY, SERVER = 409, 429, 500
LOGS = "the logs of its dashboard (Developers, Logs)."
ADDRESS = "Check STRIPE_API_BASE; if it is right, try again later."


class Missing(SourceError):
    """Stripe has no such object, or has it no more."""


class CursorGone(SourceError):
    """The object after which a page was to begin does not exist any more."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer without what was asked for."""

    status: int | None
    """HTTP's; null: no answer at all."""
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    content: Any = None
    """The answer's JSON; null: it is none."""

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        if self.status is None or self.status in {TOO_MANY, CONFLICT} or self.status >= SERVER:
            return True
        # A proxy's page, or an answer cut in the middle.
        return self.status < REDIRECT and self.content is None

    @property
    def too_fast(self) -> bool:
        """Whether requests must come more slowly; a lock that somebody else holds is no reason."""
        return self.status == TOO_MANY and self._error("code") != "lock_timeout"

    @property
    def overall(self) -> bool:
        """Whether they are too many over all endpoints, and not only at this one."""
        return self.headers.get("Stripe-Rate-Limited-Reason", "").startswith("global")

    @property
    def retry_after(self) -> str | None:
        """Seconds to wait, where Stripe says so."""
        return self.headers.get("Retry-After")

    @property
    def message(self) -> str:
        """Stripe's own words, not to be shown: they may hold a key, a name or an address."""
        return str(self._error("message") or "")

    @property
    def reason(self) -> str:
        """What kind of error Stripe calls it, and the parameter that it is about."""
        told = [self._error(name) for name in ("type", "code", "param")]
        named = [each for each in told if isinstance(each, str) and NAME.fullmatch(each)]
        return ", ".join(named) or f"HTTP {self.status}"

    @property
    def log(self) -> str | None:
        """Where whoever may open the account reads the request and Stripe's words."""
        found = REQUEST.fullmatch(self.headers.get("Request-Id", ""))
        return f"https://dashboard.stripe.com/logs/{found[0]}" if found else None

    @property
    def param(self) -> str | None:
        """The parameter that Stripe refuses, where it names one."""
        found = self._error("param")
        return found if isinstance(found, str) else None

    def _error(self, name: str) -> Any:
        error = self.content.get("error") if isinstance(self.content, dict) else None
        return error.get(name) if isinstance(error, dict) else None


def endpoint_of(path: str) -> str:
    """The endpoint that Stripe counts a path under: `/v1/invoices/in_1/lines` is `/v1/invoices/{id}/lines`."""
    before, resource, *rest = path.partition("?")[0].removeprefix("/").split("/")
    return "/".join([before, resource, *(["{id}", *rest[1:]] if rest else [])])


def refusal(answer: Refusal, base: str, path: str) -> SourceError:
    """The error that tells a person what happened, and what to do."""
    if answer.status == UNAUTHORIZED:
        return SourceError(
            "Stripe does not accept the key in STRIPE_API_KEY. Copy a restricted key (rk_live_... or rk_test_...) "
            "from https://dashboard.stripe.com/apikeys into .env."
        )
    if answer.status == FORBIDDEN:
        return _forbidden(answer, path)
    if answer.param == "starting_after":
        return CursorGone(_failure(answer, base, path))
    if answer.status == NOT_FOUND:
        return Missing(_failure(answer, base, path))
    kind = SourceDown if answer.passing else SourceError
    return kind(_failure(answer, base, path))


def _failure(answer: Refusal, base: str, path: str) -> str:
    if answer.status is None:
        return f"Stripe at {base} does not answer. Check the network and STRIPE_API_BASE, then try again."
    if answer.content is None and answer.status < SERVER:
        return f"Stripe at {base} answered {path} with something that is no JSON. {ADDRESS}"
    if answer.status < REDIRECT:
        return f"Stripe at {base} answered {path} with something that is no JSON object. {ADDRESS}"
    if answer.status == TOO_MANY:
        return (
            f"Stripe refuses {path} for too many requests, again and again. "
            f"Lower stripe.requests_per_second in pipeline.toml, or stop other programs that use the account."
        )
    if answer.status < SERVER:
        return (
            f"Stripe refuses {path} ({answer.reason}). Its own words stand in {answer.log or LOGS}"
        )
    return f"Stripe at {base} fails on {path} (HTTP {answer.status}). Try again later."


def _forbidden(answer: Refusal, path: str) -> SourceError:
    found = PERMISSION.search(answer.message)
    if found is None:
        return SourceError(
            f"The key in STRIPE_API_KEY may not read {path}. If STRIPE_ACCOUNT or stripe.accounts is set, check that "
            f"the key reaches that account."
        )
    return SourceError(
        f"The key in STRIPE_API_KEY lacks the permission {found[1]}, which reading {path} needs. "
        f"Grant it (Read) at https://dashboard.stripe.com/apikeys: the key, Edit key."
    )
