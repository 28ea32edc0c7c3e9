"""Columns as people have them, as doubles and a mask of nulls."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ValuesError

Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]

INTEGER_LIMIT = 2.0**49
"""Integers from here on cannot be restored exactly: normalize makes such rows dead letters."""

DOUBLE_INTEGERS = 2.0**53
"""Up to here doubles hold every integer."""


def doubles(values: Any, name: str, *, is_integer: bool, is_nullable: bool) -> tuple[Doubles, Mask]:
    """The numbers of a column, and which rows are null.

    Takes arrays of numpy, also masked ones, Series of pandas and polars, arrays of pyarrow, and lists with None.
    Null and NaN are the same, as in pandas; where there is one in a column that cannot be null, that is an error.
    """
    data, nulls = arrays_of(values)
    if data.ndim != 1:
        raise ValuesError(f'Column "{name}" has {data.ndim} dimensions', "Give one number a row")
    if data.dtype.kind == "O":
        data = _numbers(data, nulls, name)
    if data.dtype.kind not in "iuf" or data.dtype.itemsize > 8:
        raise ValuesError(
            f'Column "{name}" has values of type {data.dtype}', "Give numbers: integers, or floats of up to 64 bits"
        )
    x = data.astype(np.float64)
    nulls = nulls | np.isnan(x)
    if not is_nullable and nulls.any():
        raise ValuesError(
            f'Row {int(nulls.argmax())} of column "{name}" is null or NaN, and the column is not nullable',
            "Leave such rows out, or use a model whose column is nullable",
        )
    infinite = np.isinf(x) & ~nulls
    if infinite.any():
        raise ValuesError(
            f'Row {int(infinite.argmax())} of column "{name}" is infinite', "Leave such rows out, or make them null"
        )
    limit = INTEGER_LIMIT if is_integer else DOUBLE_INTEGERS if data.dtype.kind in "iu" else np.inf
    _refuse(x, nulls, np.abs(x) >= limit, name, f"integers stay below 2^{int(np.log2(limit)) if limit < np.inf else 0}")
    if is_integer:
        _refuse(x, nulls, x != np.floor(x), name, "the column has integers")
    x[nulls] = np.nan
    return x, nulls


def is_null(value: object) -> bool:
    """None, NaN, and pandas' NA, which is neither equal to itself nor different."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:
        return True


def items(values: Any) -> list[Any]:
    """A column's values as Python's own: str, int, float, bool, and None for null."""
    data, nulls = arrays_of(values)
    found = data.tolist()
    return [None if null or is_null(value) else value for value, null in zip(found, nulls.tolist())]


def arrays_of(values: Any) -> tuple[NDArray[Any], Mask]:
    """The array of a column, and its nulls as far as they are not NaN or None in it."""
    if isinstance(values, np.ma.MaskedArray):
        nulls = np.ma.getmaskarray(values)
        return values.filled(0) if nulls.any() else np.asarray(values), nulls
    if hasattr(values, "isna") and hasattr(values, "to_numpy"):
        nulls = np.asarray(values.isna(), dtype=np.bool_)
        if isinstance(values.dtype, np.dtype):
            return values.to_numpy(), nulls
        kind = getattr(values.dtype, "kind", "O")
        if kind in "iu":
            return values.to_numpy(dtype=f"{kind}8", na_value=0), nulls
        return values.to_numpy(dtype=np.float64 if kind == "f" else object, na_value=np.nan), nulls
    if hasattr(values, "is_null") and hasattr(values, "to_numpy"):
        nulls = np.asarray(values.is_null(), dtype=np.bool_)
        if not nulls.any():
            return np.asarray(values), nulls
        try:
            # Otherwise integers would become floats, and those beyond 2^53 others.
            return np.asarray(values.fill_null(0)), nulls
        except (TypeError, ValueError, NotImplementedError):
            return np.asarray(values), nulls
    try:
        data = np.asarray(values)
    except ValueError as error:
        raise ValuesError(f"A column cannot be read as an array: {error}", "Give one value a row") from error
    return data, np.zeros(data.shape, np.bool_)


def _numbers(data: NDArray[Any], nulls: Mask, name: str) -> NDArray[Any]:
    """Objects that are numbers, as doubles; NaN for null."""
    out = np.full(data.shape, np.nan)
    for row, value in enumerate(data.tolist()):
        if nulls[row] or is_null(value):
            continue
        if isinstance(value, (str, bytes, bool)):
            raise ValuesError(f'Row {row} of column "{name}" is {value!r}', "Give numbers, and None for null")
        try:
            out[row] = value
        except (OverflowError, TypeError, ValueError):
            raise ValuesError(f'Row {row} of column "{name}" is {value!r}', "Give numbers, and None for null") from None
        if isinstance(value, int) and abs(value) >= DOUBLE_INTEGERS:
            raise ValuesError(f'Row {row} of column "{name}" is {value}', "Give integers below 2^53")
    return out


def _refuse(x: Doubles, nulls: Mask, wrong: Mask, name: str, why: str) -> None:
    wrong = wrong & ~nulls
    if wrong.any():
        row = int(wrong.argmax())
        raise ValuesError(f'Row {row} of column "{name}" is {float(x[row])!r}: {why}', "Leave such rows out")
