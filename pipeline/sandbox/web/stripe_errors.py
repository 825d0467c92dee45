"""Stripe's refusals: status, code, parameter and message as the API words them.

Belongs here: the error body. Does not belong here: deciding when to refuse.
"""

from typing import Any

SUPPORT = "or we can help at https://support.stripe.com/."


class StripeRefusal(Exception):
    """A request that Stripe answers with an error body."""

    def __init__(
        self, message: str, *, status: int = 400, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.param = param

    def body(self, request_id: str, created: int) -> dict[str, Any]:
        """The error body; `created` is the time of the request in Unix seconds."""
        error: dict[str, Any] = {"message": self.message, "type": "invalid_request_error"}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            error["param"] = self.param
        if self.status not in {401, 405}:
            error["request_log_url"] = (
                f"https://dashboard.stripe.com/test/logs/{request_id}?t={created}"
            )
        return {"error": error}


def masked(key: str) -> str:
    """A key as Stripe repeats it: the prefix and the last four characters."""
    head, tail = key[:8], key[8:]
    return head + "*" * max(0, len(tail) - 4) + tail[-4:]


def no_key() -> StripeRefusal:
    """No `Authorization` header."""
    return StripeRefusal(
        "You did not provide an API key. You need to provide your API key in the Authorization "
        "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See "
        f"https://stripe.com/docs/api#authentication for details, {SUPPORT}",
        status=401,
    )


def wrong_key(key: str) -> StripeRefusal:
    """A key that no account has."""
    return StripeRefusal(f"Invalid API Key provided: {masked(key)}", status=401)


def missing_permission(key: str, account: str, permission: str) -> StripeRefusal:
    """A restricted key that may not read this resource."""
    return StripeRefusal(
        f"The provided key '{masked(key)}' does not have the required permissions for this "
        f"endpoint on account '{account}'. Having the '{permission}' permission would allow this "
        "request to continue.",
        status=403,
    )


def wrong_account(key: str, account: str) -> StripeRefusal:
    """`Stripe-Account` names an account that the key cannot reach."""
    return StripeRefusal(
        f"The provided key '{masked(key)}' does not have access to account '{account}' (or that "
        "account does not exist). Application access may have been revoked.",
        status=403,
        code="account_invalid",
    )


def wrong_version(version: str, served: str) -> StripeRefusal:
    """`Stripe-Version` names a version that the sandbox cannot answer in."""
    return StripeRefusal(
        f"Invalid Stripe API version: {version}. This sandbox answers only as {served}."
    )


def unknown_route(method: str, path: str) -> StripeRefusal:
    """No such address."""
    return StripeRefusal(
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs "
        f"{SUPPORT}",
        status=404,
    )


def read_only(method: str, path: str) -> StripeRefusal:
    """A write: the sandbox's company lives by its own clock."""
    return StripeRefusal(f"The sandbox only reads: {method} {path} is not offered.", status=405)


def missing(object_type: str, value: str, param: str, status: int = 400) -> StripeRefusal:
    """No such object; 404 where the address names it, 400 where a parameter does."""
    words = {"line_item": "invoice line item", "subscription_item": "subscription_item"}
    name = words.get(object_type, object_type)
    return StripeRefusal(
        f"No such {name}: '{value}'", status=status, code="resource_missing", param=param
    )


def unknown_parameters(names: list[str]) -> StripeRefusal:
    """Parameters that the endpoint does not know."""
    plural = "s" if len(names) > 1 else ""
    return StripeRefusal(
        f"Received unknown parameter{plural}: {', '.join(names)}",
        code="parameter_unknown",
        param=names[0],
    )


def exclusive(*names: str) -> StripeRefusal:
    """Two parameters of which only one may be given."""
    return StripeRefusal(
        f"You may only specify one of these parameters: {', '.join(sorted(names))}.",
        param=min(names),
    )


def required(name: str) -> StripeRefusal:
    """A parameter that must be given."""
    return StripeRefusal(f"Missing required param: {name}.", code="parameter_missing", param=name)


def not_integer(name: str, value: str) -> StripeRefusal:
    """Not a whole number."""
    return StripeRefusal(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)


def out_of_range(name: str, value: int, bound: str) -> StripeRefusal:
    """A whole number outside its range; `bound` reads like 'less than or equal to 100'."""
    return StripeRefusal(
        f"This value must be {bound} (it currently is '{value}').",
        code="parameter_invalid_integer",
        param=name,
    )


def not_boolean(name: str, value: str) -> StripeRefusal:
    """Neither true nor false."""
    return StripeRefusal(f"Invalid boolean: {value}", param=name)


def not_one_of(name: str, choices: tuple[str, ...]) -> StripeRefusal:
    """Not a value of the enumeration."""
    head, last = ", ".join(choices[:-1]), choices[-1]
    return StripeRefusal(f"Invalid {name}: must be one of {head}, or {last}", param=name)


def wrong_shape(name: str, expected: str) -> StripeRefusal:
    """A hash where a string is expected, or the like."""
    return StripeRefusal(f"Invalid {expected}", param=name)


def not_expandable(path: str, instead: str | None = None) -> StripeRefusal:
    """The path names no expandable property."""
    hint = f" You may want to try expanding '{instead}' instead." if instead else ""
    return StripeRefusal(f"This property cannot be expanded ({path}).{hint}", param="expand")


def too_deep(path: str) -> StripeRefusal:
    """More than four levels, counting `data`."""
    return StripeRefusal(
        f"You cannot expand more than 4 levels of a property. Property: {path}", param="expand"
    )
