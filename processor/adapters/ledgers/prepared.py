"""Statements that are put together once, for many rows at a time.

Place in the flow: what every event passes through (`appending`, `folding`, `lanes`,
`dispatching`, the relay's `place`) writes with these. SQLAlchemy Core compiles a statement
once, but prepares the values of every row anew, which costs several times what SQLite spends on
the row; here a row is a tuple in the order of the statement's own parameters.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.sql.compiler import SQLCompiler

Row = Mapping[str, Any]

_Value = Callable[[Row], Any]


@dataclass(frozen=True)
class Prepared:
    """A statement whose parameters are named; what a row does not name has its own value."""

    statement: ClauseElement
    names: tuple[str, ...] = ()
    """The columns to insert; an update names its parameters itself."""
    _made: dict[str, tuple[str, tuple[_Value, ...]]] = field(default_factory=dict)

    def many(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Execute it for each row, in order."""
        text, values = self._for(connection.dialect)
        filled = [tuple([value(row) for value in values]) for row in rows]
        if filled:
            connection.exec_driver_sql(text, filled)

    def _for(self, dialect: Dialect) -> tuple[str, tuple[_Value, ...]]:
        """Return the statement in the dialect's words, and what fills each of its places."""
        if dialect.name not in self._made:
            compiled = self.statement.compile(dialect=dialect, column_keys=list(self.names) or None)
            if not isinstance(compiled, SQLCompiler) or compiled.positiontup is None:
                raise TypeError(f"not a statement with parameters in order: {self.statement}")
            places = tuple(_value(compiled, name) for name in compiled.positiontup)
            self._made[dialect.name] = (str(compiled), places)
        return self._made[dialect.name]


def _value(compiled: SQLCompiler, name: str) -> _Value:
    """Return what gives one parameter its value, as the driver takes it."""
    bound = compiled.binds[name]
    process = bound.type.dialect_impl(compiled.dialect).bind_processor(compiled.dialect)
    if not bound.required:
        fixed = process(bound.value) if process else bound.value
        return lambda _: fixed
    if process is None:
        return itemgetter(name)
    return lambda row: process(row[name])
