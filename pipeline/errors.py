"""The errors a person may see: each says what happened, to which object, and what to do next.

Belongs here: one small hierarchy. The command prints `str(error)` as one line and leaves with `exit_code`.
"""

from collections.abc import Mapping


class PipelineError(Exception):
    """Anything the pipeline refuses to go on with; its text is written for the person who runs it."""

    exit_code = 1


class ConfigError(PipelineError):
    """`pipeline.toml` or the environment says something impossible."""

    exit_code = 2


class SourceError(PipelineError):
    """A source (Stripe, a CRM, exchange rates) could not be read."""

    exit_code = 3


class SourceDown(SourceError):
    """A source does not answer, or fails for the moment: some minutes later it may be read."""


class SchemaMismatch(PipelineError):
    """A frame does not have the columns of its table."""


class MissingMonth(PipelineError):
    """A month that is needed was never computed; it must not read as 'everyone churned'."""


class UnknownMonth(PipelineError):
    """A month outside the company's history was asked for."""

    exit_code = 2


class UnknownAccount(PipelineError):
    """No account, or more than one, is what was asked for.

    Attributes:
        nearest: ids of accounts that may have been meant, each with its name; the text has the ids alone.
    """

    exit_code = 2

    def __init__(self, said: str, nearest: Mapping[str, str | None] | None = None) -> None:
        super().__init__(said)
        self.nearest = nearest or {}


class Unvalued(PipelineError):
    """An item counts, but its price or its exchange rate is not known."""


class IdentityBroken(PipelineError):
    """Figures that must add up do not; nothing of the step was shown."""


class ProcessKilled(PipelineError):
    """A process that computed a part of the accounts ended without a word."""


class StaleGeneration(PipelineError):
    """A newer run has replaced the timeline since this one read it."""


class LockHeld(PipelineError):
    """Another sync is running."""

    exit_code = 4
