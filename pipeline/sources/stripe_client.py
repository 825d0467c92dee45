"""One request to Stripe: authentication and version by the official SDK, JSON as it came, errors in our words.

Belongs here: requests, retries and refusals. Does not belong here: what is asked for (`pipeline.sources.stripe`).
No StripeObject is built: they cost many times more than the JSON. No message ever holds the key.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson
import stripe

from pipeline.errors import SourceError
from pipeline.sources.limits import Pace, Patience
from pipeline.sources.protocol import Json

API_VERSION = "2026-10-28.endive"
PUBLIC_BASE = "https://api.stripe.com"
PERMISSION = re.compile(r"'(rak_\w+)'")
ID = re.compile(r"/[a-z]+_\w{8,}")
ENDPOINT_PER_SECOND = 25.0
"""Stripe's limit of one endpoint; the overall one is 100 (25 in a sandbox)."""
TOO_MANY, CONFLICT, SERVER = 429, 409, 500

Params = Mapping[str, str | int | tuple[str, ...]]


class StripeClient:
    """Reads from one Stripe account."""

    def __init__(
        self,
        key: str,
        *,
        base: str | None = None,
        account: str | None = None,
        requests_per_second: float = 100,
        patience: Patience | None = None,
    ) -> None:
        self.base = base or PUBLIC_BASE
        self.account = account
        self.patience = patience or Patience()
        # Above Stripe's own overall limit the server is another one: the endpoints follow in proportion.
        self.pace = Pace(
            requests_per_second,
            max(min(ENDPOINT_PER_SECOND, requests_per_second), requests_per_second / 4),
        )
        self._http = stripe.RequestsClient(timeout=80)
        self._sdk = stripe.StripeClient(
            key,
            base_addresses={"api": self.base},
            stripe_version=API_VERSION,
            stripe_account=account,
            http_client=self._http,
            max_network_retries=0,
        )

    def get(self, path: str, params: Params | None = None) -> Json:
        """The JSON object at `path`; asks again while Stripe is busy or does not answer.

        Raises:
            SourceError: Stripe refuses, or did not answer in the end; says what to do.
        """
        address = path + _query(params or {}, "&" if "?" in path else "?")
        for attempt in range(1, self.patience.attempts + 1):
            self.pace.wait(ID.sub("/{id}", path.partition("?")[0]))
            try:
                return _parsed(self._sdk.raw_request("get", address).body, self.base, path)
            except stripe.StripeError as error:
                if not _passing(error) or attempt == self.patience.attempts:
                    raise _refusal(error, self.base, path) from None
                headers = error.headers or {}
                self.patience.sleep(
                    attempt, headers.get("Retry-After") or headers.get("retry-after")
                )
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()  # type: ignore[no-untyped-call]


def _query(params: Params, separator: str) -> str:
    parts = []
    for name, value in params.items():
        if isinstance(value, tuple):
            parts += [f"{name}[]={quote(each, safe='')}" for each in value]
        else:
            parts.append(f"{name}={quote(str(value), safe='')}")
    return separator + "&".join(parts) if parts else ""


def _parsed(body: Any, base: str, path: str) -> Json:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        raise SourceError(
            f"Stripe at {base} answered {path} with something that is no JSON object. {_ADDRESS}"
        )
    return content


_ADDRESS = "Check STRIPE_API_BASE; if it is right, try again later."


def _passing(error: stripe.StripeError) -> bool:
    """Whether the same request may succeed a little later."""
    status = error.http_status
    if isinstance(error, stripe.APIConnectionError) or status in {TOO_MANY, CONFLICT}:
        return True
    return isinstance(error, stripe.APIError) and (
        status is None or status >= SERVER or _not_json(error)
    )


def _not_json(error: stripe.StripeError) -> bool:
    return str(error).startswith("Invalid response body")


def _refusal(error: stripe.StripeError, base: str, path: str) -> SourceError:
    if isinstance(error, stripe.AuthenticationError):
        return SourceError(
            "Stripe does not accept the key in STRIPE_API_KEY. Copy a restricted key (rk_live_... or rk_test_...) "
            "from https://dashboard.stripe.com/apikeys into .env."
        )
    if isinstance(error, stripe.PermissionError):
        return _forbidden(error, path)
    return SourceError(_failure(error, base, path))


def _failure(error: stripe.StripeError, base: str, path: str) -> str:
    if isinstance(error, stripe.APIConnectionError):
        return f"Stripe at {base} does not answer. Check the network and STRIPE_API_BASE, then try again."
    if _not_json(error) and (error.http_status or 0) < SERVER:
        return f"Stripe at {base} answered {path} with something that is no JSON. {_ADDRESS}"
    if error.http_status == TOO_MANY:
        return (
            f"Stripe refuses {path} for too many requests, again and again. "
            f"Lower stripe.requests_per_second in pipeline.toml, or stop other programs that use the account."
        )
    if isinstance(error, stripe.InvalidRequestError):
        return f"Stripe refuses {path}: {_without_keys(error.user_message)}"
    return f"Stripe at {base} fails on {path} (HTTP {error.http_status}). Try again later."


def _forbidden(error: stripe.StripeError, path: str) -> SourceError:
    found = PERMISSION.search(str(error))
    if found is None:
        return SourceError(
            f"The key in STRIPE_API_KEY may not read {path}. If STRIPE_ACCOUNT or stripe.accounts is set, check that "
            f"the key reaches that account."
        )
    return SourceError(
        f"The key in STRIPE_API_KEY lacks the permission {found[1]}, which reading {path} needs. "
        f"Grant it (Read) at https://dashboard.stripe.com/apikeys: the key, Edit key."
    )


def _without_keys(message: str | None) -> str:
    return re.sub(r"\b[sr]k_\w+[*\w]*", "(key)", message or "no reason given")
