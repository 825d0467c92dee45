"""One Salesforce organisation through simple-salesforce: log in, describe, query, and the allowance that is left.

Belongs here: what an answer or a refusal means for a person. Does not belong here: what is asked for.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceError

from pipeline.errors import SourceDown, SourceError
from pipeline.sources.limits import Patience
from pipeline.sources.protocol import Json
from pipeline.sources.salesforce.transport import (
    LIMIT,
    SERVER,
    TOO_MANY,
    Transport,
    of_the_day,
    refusals,
)

SALESFORCE_API_VERSION = "64.0"
SUFFIX = ".salesforce.com"
MISSING_FIELD = re.compile(r"No such column '(\w+)' on entity")
WORD = re.compile(r"\w{1,60}")
UNAUTHORISED, FORBIDDEN, NOT_FOUND = 401, 403, 404
NO_OBJECT = frozenset({"INVALID_TYPE", "NOT_FOUND", "INSUFFICIENT_ACCESS"})
VARIABLES = "SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET"

T = TypeVar("T")


class NoObject(SourceError):
    """The user that the app runs as may not read an object."""


class NoField(Exception):
    """A query named a field that the user may not read."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True)
class Allowance:
    """Requests of the last 24 hours that an organisation has: all, and what is left of them."""

    most: int
    left: int


class Client:
    """Logs in with the client credentials flow when it is first needed.

    Args:
        domain: My Domain, as `acme.my`.
        client_id: the external client app's consumer key.
        client_secret: its consumer secret.
        base: in place of `https://{domain}.salesforce.com`.
        patience: how often a request is repeated.
    """

    def __init__(
        self, domain: str, client_id: str, client_secret: str, base: str | None, patience: Patience
    ) -> None:
        self.domain, self.patience = domain, patience
        self.where = base or f"https://{domain}{SUFFIX}"
        self._id, self._secret = client_id, client_secret
        self._transport = Transport(base, patience)
        self._session = requests.Session()
        self._session.mount("https://", self._transport)
        # Else a .netrc of the machine would take the place of the token.
        self._session.auth = lambda request: request
        self._salesforce: Salesforce | None = None

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def login(self) -> Salesforce:
        """The organisation, logged in.

        Raises:
            SourceError: it cannot be logged in to.
        """
        if self._salesforce is None:
            self._salesforce = self._asked("the login", self._logged_in)
        return self._salesforce

    def described(self, name: str) -> dict[str, str]:
        """The fields of an object that may be read: name in small letters -> name.

        Raises:
            NoObject: the object may not be read.
            SourceError: Salesforce cannot be read.
        """
        path = f"sobjects/{name}/describe"
        salesforce = self.login()
        told = self._asked(name, lambda: salesforce.restful(path)) or {}
        fields = told.get("fields") if isinstance(told, dict) else None
        names = [each.get("name") for each in fields or [] if isinstance(each, dict)]
        if "Id" not in names:
            raise SourceError(f"Salesforce describes {name} without fields. Try again later.")
        return {each.lower(): each for each in names if isinstance(each, str)}

    def rows(self, name: str, soql: str) -> Iterator[list[Any]]:
        """The pages of a query, deleted rows included; all of them, or an error.

        Raises:
            NoField: a field may not be read.
            NoObject: the object may not be read.
            SourceError: Salesforce cannot be read, or gave fewer rows than it announced.
        """
        salesforce = self.login()
        answer = self._page(name, lambda: salesforce.query(soql, include_deleted=True))
        announced, got = answer["totalSize"], 0
        while True:
            got += len(answer["records"])
            if answer["done"] or got > announced:
                break
            yield answer["records"]
            following = answer["nextRecordsUrl"]
            more = partial(salesforce.query_more, following, identifier_is_url=True)
            answer = self._page(name, more)
        if got != announced:
            raise SourceError(
                f"Salesforce announced {announced:,} rows of {name} and gave {got:,}. Nothing of it is used. "
                f"Try again later."
            )
        yield answer["records"]

    def allowance(self) -> Allowance | None:
        """Requests that are left of 24 hours; null where Salesforce does not say.

        Each answer tells it. Only before the first one it is asked for, which takes a permission of its own.

        Raises:
            SourceError: Salesforce cannot be read.
        """
        salesforce = self.login()
        usage = salesforce.api_usage.get("api-usage")
        if usage is not None:
            return Allowance(usage.total, usage.total - usage.used)
        told = self._asked("the limits", salesforce.limits)
        daily = told.get("DailyApiRequests") if isinstance(told, dict) else None
        try:
            return Allowance(int(daily["Max"]), int(daily["Remaining"])) if daily else None
        except (KeyError, TypeError, ValueError):
            return None

    def _logged_in(self) -> Salesforce:
        return Salesforce(
            consumer_key=self._id,
            consumer_secret=self._secret,
            domain=self.domain,
            version=SALESFORCE_API_VERSION,
            session=self._session,
            object_pairs_hook=None,
        )

    def _page(self, name: str, ask: Callable[[], Any]) -> Json:
        """One page of rows that is one."""
        for attempt in range(1, self.patience.attempts + 1):
            answer = self._asked(name, ask)
            if _whole(answer):
                found: Json = answer
                return found
            if attempt < self.patience.attempts:
                self.patience.sleep(attempt)
        raise SourceError(
            f"Salesforce answers {name} with a page that is none. Nothing of it is used. Try again later."
        )

    def _asked(self, what: str, ask: Callable[[], T]) -> T:
        """What `ask` gives; its refusal as one sentence, without what was sent."""
        try:
            with warnings.catch_warnings():
                # A failed login warns with an address that holds the consumer key.
                warnings.simplefilter("ignore")
                return ask()
        except SalesforceAuthenticationFailed as error:
            raise self._no_login(error.code) from None
        except SalesforceError as error:
            raise self._refusal(what, error.status, error.content) from None
        except requests.exceptions.SSLError:
            raise SourceError(
                f"The certificate of {self.where} is not trusted. Check SALESFORCE_DOMAIN and the network."
            ) from None
        # simple-salesforce takes the form of answers for granted.
        except (ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
            if isinstance(error, requests.RequestException) and self._transport.status is None:
                raise self._silent() from None
            raise self._failing(what) from None
        except requests.RequestException:
            raise self._silent() from None

    def _silent(self) -> SourceError:
        return SourceDown(
            f"Salesforce at {self.where} does not answer. Check SALESFORCE_DOMAIN and the network, then try again."
        )

    def _failing(self, what: str) -> SourceError:
        status = self._transport.status
        if status is not None and status < TOO_MANY:
            return SourceError(
                f"Salesforce at {self.where} answered {what} with something else than it should (HTTP {status}). "
                f"Check SALESFORCE_DOMAIN, then try again."
            )
        return SourceDown(
            f"Salesforce at {self.where} fails on {what} (HTTP {status}). Try again later."
        )

    def _no_login(self, code: Any) -> SourceError:
        status = self._transport.status
        if status is None or status >= SERVER or status in {TOO_MANY, 200}:
            return self._failing("the login")
        reason = f" ({code})" if isinstance(code, str) and WORD.fullmatch(code) else ""
        return SourceError(
            f"Salesforce at {self.where} does not accept {VARIABLES}{reason}. Check both and SALESFORCE_DOMAIN, and "
            f"that the app has the client credentials flow with a user to run as (docs/salesforce.md)."
        )

    def _refusal(self, what: str, status: int, content: Any) -> SourceError:
        found = refusals(content)
        code = str(found[0]["errorCode"]) if found else ""
        code = code if WORD.fullmatch(code) else ""
        if of_the_day(content):
            return SourceError(
                "Salesforce's allowance of requests for today is used up. Run the sync again tomorrow."
            )
        if code == "INVALID_FIELD":
            missing = MISSING_FIELD.search(str(found[0].get("message")))
            if missing:
                raise NoField(missing[1])
        if code in NO_OBJECT or (status == NOT_FOUND and not code):
            return NoObject(
                f"The user that the Salesforce app runs as may not read {what}. Grant it Read on {what} "
                f"(docs/salesforce.md)."
            )
        if status == UNAUTHORISED:
            return SourceError(
                f"Salesforce at {self.where} ends each session at once. Check the app's policies in Salesforce."
            )
        if status == FORBIDDEN:
            return SourceError(
                f"Salesforce refuses {what} ({code or status}). Grant the user that the app runs as the permissions "
                f"API Enabled and Read (docs/salesforce.md)."
            )
        kind = (
            SourceDown if status == TOO_MANY or status >= SERVER or code == LIMIT else SourceError
        )
        return kind(
            f"Salesforce at {self.where} fails on {what} (HTTP {status}{f', {code}' if code else ''}). "
            f"Try again later."
        )


def _whole(answer: Any) -> bool:
    """Whether an answer is a page, and names the next one where there is one.

    An address that leads elsewhere would carry the token there.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("records"), list):
        return False
    if not isinstance(answer.get("done"), bool) or not isinstance(answer.get("totalSize"), int):
        return False
    following = answer.get("nextRecordsUrl")
    return answer["done"] or (
        isinstance(following, str)
        and following.startswith("/services/data/")
        and bool(answer["records"])
    )
