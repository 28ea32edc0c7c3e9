"""Tables as people have them, by the names of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import ValuesError


def columns_of(table: Any) -> dict[str, Any]:
    """The columns of a table by name, in order: of pandas, polars, pyarrow, a mapping, or a matrix of numpy.

    Columns of a matrix are called "0", "1", and so on, as ctgan calls them.
    """
    if isinstance(table, Mapping):
        return {str(name): column for name, column in table.items()}
    if isinstance(table, np.ndarray):
        if table.ndim != 2:
            raise ValuesError(f"The array has {table.ndim} dimensions", "Give one of rows and columns")
        return {str(i): table[:, i] for i in range(table.shape[1])}
    names = getattr(table, "column_names", None)
    if names is not None:
        return {str(name): table.column(name) for name in names}
    if hasattr(table, "columns") and hasattr(table, "__getitem__"):
        return {str(name): table[name] for name in table.columns}
    raise ValuesError(f"{type(table).__name__} is no table", "Give a DataFrame, a table of pyarrow, or a mapping of columns")
