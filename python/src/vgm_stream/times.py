"""Dates and times, which Avro has as integers, as types of numpy. Instants are in UTC."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .values import arrays_of, is_null

TIME_TYPES = {
    "date": "datetime64[D]",
    "time-millis": "timedelta64[ms]",
    "time-micros": "timedelta64[us]",
    **{f"{zone}timestamp-millis": "datetime64[ms]" for zone in ("", "local-")},
    **{f"{zone}timestamp-micros": "datetime64[us]" for zone in ("", "local-")},
    **{f"{zone}timestamp-nanos": "datetime64[ns]" for zone in ("", "local-")},
}
"""By Avro's logical types. A time of day is the time since midnight."""


def times_of(integers: NDArray[Any], logical_type: str) -> NDArray[Any]:
    """The times that integers stand for; NaT for None and NaN."""
    if integers.dtype.kind == "O":
        nulls = np.array([is_null(value) for value in integers.tolist()], np.bool_)
    else:
        nulls = np.isnan(integers)
    times: NDArray[Any] = np.where(nulls, 0, integers).astype(np.int64).astype(TIME_TYPES[logical_type])
    times[nulls] = "NaT"
    return times


def integers_of(values: Any, logical_type: str) -> Any:
    """The integers that stand for times, null masked; a column of other values as it is."""
    data, nulls = arrays_of(values)
    if data.dtype.kind == "O":
        times = [None if null or is_null(value) else _plain(value) for value, null in zip(data.tolist(), nulls.tolist())]
        if not all(time is None or isinstance(time, (np.datetime64, np.timedelta64)) for time in times):
            return values
        nulls = np.array([time is None for time in times], np.bool_)
        data = np.array([0 if time is None else time.astype(TIME_TYPES[logical_type]).astype(np.int64) for time in times])
        return np.ma.MaskedArray(data.astype(np.int64), nulls)
    if data.dtype.kind not in "mM":
        return values
    integers = data.astype(TIME_TYPES[logical_type]).astype(np.int64)
    return np.ma.MaskedArray(integers, nulls | np.isnat(data))


def _plain(value: Any) -> Any:
    """What Python and pandas have for a time, as a scalar of numpy."""
    if isinstance(value, datetime.datetime):
        zoned = value if value.tzinfo is None else value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return np.datetime64(zoned)
    if isinstance(value, datetime.date):
        return np.datetime64(value)
    if isinstance(value, datetime.time):
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return np.timedelta64(seconds * 1_000_000 + value.microsecond, "us")
    return np.timedelta64(value) if isinstance(value, datetime.timedelta) else value
