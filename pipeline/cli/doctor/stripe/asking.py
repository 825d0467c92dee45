"""Asking one Stripe account, with the official SDK: short patience, and what each answer says beside its content.

Belongs here: requests, and what their headers tell. Does not belong here: what is asked for. The sync has a client of
its own (`pipeline.sources.stripe.client`), made for many pages at once; its pace is kept here too.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import count
from threading import Lock
from typing import Any

import stripe

from pipeline.sources.limits import Patience
from pipeline.sources.protocol import Json
from pipeline.sources.stripe.client import API_VERSION, StripeClient
from pipeline.sources.stripe.refusals import Refusal, endpoint_of

TIMEOUT = (5.0, 20.0)
"""Seconds to connect, and to answer."""
PATIENCE = Patience(attempts=2, longest_seconds=5)
"""The SDK repeats what failed, but never what came too fast."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Stripe answered: an object, or a refusal."""

    content: Json
    refused: Refusal | None = None

    @property
    def objects(self) -> list[Any]:
        """Of a list, its page."""
        found = self.content.get("data")
        return found if isinstance(found, list) else []


@dataclass(frozen=True, slots=True)
class Clock:
    """What one answer tells of Stripe's clock."""

    ahead: float
    """Seconds by which this machine's clock is ahead of Stripe's."""
    took: float
    """Seconds of the request: half of them, and half a second of the header, may be wrong."""


class Account:
    """Asks one account; any number of threads may.

    Args:
        key: the key.
        client: the sync's client: address and pace are taken from it.
        name: the Connect or organisation account; empty for the key's own.

    Attributes:
        versions: the API versions that answers were in; null where one did not say.
        live: whether the objects that were seen are of live mode; null: none was seen.
        clock: what the quickest answer tells of Stripe's clock; null: no answer bore a date.
        asked: how many requests were sent.
        hasty: why requests were refused as too many, once for each.
    """

    def __init__(self, key: str, client: StripeClient, name: str) -> None:
        self.base = client.base
        self.pace = client.pace
        self.versions: set[str | None] = set()
        self.live: bool | None = None
        self.clock: Clock | None = None
        self.asked = 0
        self.hasty: list[str] = []
        self._lock = Lock()
        self._sdk = stripe.StripeClient(
            key,
            stripe_account=name or None,
            stripe_version=API_VERSION,
            base_addresses={"api": self.base},
            max_network_retries=1,
            http_client=stripe.RequestsClient(timeout=TIMEOUT),
        )

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Answer:
        """What stands at `path`."""
        return self._patiently("get", path, params or {})

    def post(self, path: str) -> Answer:
        """What an update of `path` that changes nothing is answered with."""
        return self._patiently("post", path, {})

    def _patiently(self, method: str, path: str, params: Mapping[str, Any]) -> Answer:
        for attempt in count(1):
            self._wait(endpoint_of(path))
            answer = self._send(method, path, params)
            refused = answer.refused
            if refused is None or not refused.too_fast:
                return answer
            reason = refused.headers.get("Stripe-Rate-Limited-Reason", "no reason given")
            with self._lock:
                self.hasty.append(reason)
            if attempt >= PATIENCE.attempts:
                return answer
            PATIENCE.sleep(attempt, refused.retry_after)
        raise AssertionError("the last attempt returns")

    def _wait(self, endpoint: str) -> None:
        for spacing in (self.pace.endpoint(endpoint), self.pace.overall):
            with self._lock:
                delay = spacing.delay()
            time.sleep(delay)

    def _send(self, method: str, path: str, params: Mapping[str, Any]) -> Answer:
        sent, began = time.time(), time.monotonic()
        try:
            response = self._sdk.raw_request(method, path, **params)
            status, headers, content = response.code, response.headers, response.data
        except stripe.StripeError as error:
            status, headers, content = error.http_status, error.headers or {}, error.json_body
            answer = Answer({}, Refusal(status, headers, content))
        else:
            refused = None if isinstance(content, dict) else Refusal(status, headers, content)
            answer = Answer(content if isinstance(content, dict) else {}, refused)
        with self._lock:
            self.asked += 1
            if status is not None:
                self._note(headers, answer, sent, time.monotonic() - began)
        return answer

    def _note(self, headers: Mapping[str, str], answer: Answer, sent: float, took: float) -> None:
        if answer.refused is None:
            self.versions.add(headers.get("Stripe-Version"))
        for each in answer.objects:
            if isinstance(each, dict) and isinstance(each.get("livemode"), bool):
                self.live = each["livemode"]
        try:
            date = parsedate_to_datetime(headers["Date"]).timestamp()
        except (KeyError, ValueError):
            return
        # The header leaves out the fraction of the second: half of one on average.
        if self.clock is None or took < self.clock.took:
            self.clock = Clock(sent + took / 2 - (date + 0.5), took)
