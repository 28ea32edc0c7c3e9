"""Tables as people have them, by the names of their columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .errors import ValuesError


def columns_of(table: Any) -> dict[str, Any]:
    """The columns of a table by name, in order: of pandas, polars, pyarrow, a mapping, or a matrix of numpy.

    Columns of a matrix are called "0", "1", and so on, as ctgan calls them.
    """
    if isinstance(table, Mapping):
        return _by_name(table.items())
    if isinstance(table, np.ndarray):
        if table.ndim != 2:
            raise ValuesError(f"The array has {table.ndim} dimensions", "Give one of rows and columns")
        return {str(i): table[:, i] for i in range(table.shape[1])}
    names = getattr(table, "column_names", None)
    if names is not None:
        return _by_name((name, table.column(i)) for i, name in enumerate(names))
    if hasattr(table, "columns") and hasattr(table, "__getitem__"):
        return _by_name((name, table[name]) for name in table.columns)
    raise ValuesError(f"{type(table).__name__} is no table", "Give a DataFrame, a table of pyarrow, or a mapping of columns")


def _by_name(columns: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, column in columns:
        if str(name) in found:
            raise ValuesError(f'The table has two columns "{name}"', "Rename or drop one of them")
        found[str(name)] = column
    try:
        rows = {name: len(column) for name, column in found.items()}
    except TypeError as error:
        raise ValuesError(f"A column of the table is none: {error}", "Give a list or an array for each column") from error
    uneven = next((name for name in rows if rows[name] != next(iter(rows.values()))), None)
    if uneven is not None:
        first = next(iter(rows))
        raise ValuesError(
            f'Column "{first}" has {rows[first]} rows, and column "{uneven}" {rows[uneven]}', "Give columns of one length"
        )
    return found
