"""Column types that read the same from SQLite and PostgreSQL.

Belongs here: money, rates and instants. SQLite has floating point beneath NUMERIC and no time zones; values come back
as `Decimal` and as instants in UTC from both.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import TIMESTAMP, Dialect, Numeric
from sqlalchemy.types import TypeDecorator, TypeEngine


class Exact(TypeDecorator[Decimal]):
    """NUMERIC(precision, scale): exact on PostgreSQL, rounded to the scale when read from SQLite."""

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int, scale: int) -> None:
        super().__init__(precision, scale)
        self.precision = precision
        self.scale = scale

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Floating point on SQLite, which has no other."""
        if dialect.name == "sqlite":
            return Numeric(self.precision, self.scale, asdecimal=False)
        return Numeric(self.precision, self.scale)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """The value with `scale` decimals."""
        if value is None or isinstance(value, Decimal):
            return value
        return Decimal(repr(value)).quantize(Decimal(1).scaleb(-self.scale))


class Instant(TypeDecorator[datetime]):
    """TIMESTAMP WITH TIME ZONE; SQLite holds the UTC wall clock."""

    impl = TIMESTAMP
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC."""
        if value is None:
            return None
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC."""
        if value is None:
            return None
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
