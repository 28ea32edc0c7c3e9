"""The mixture of one column: numbers to (value, mode) and back."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ModelError, ValuesError
from .values import Doubles, doubles

Modes = NDArray[np.int16]

STDS_PER_UNIT = 4.0
"""A value is the distance from its mode's mean in this many standard deviations."""

_BLOCK_ROWS = 4096
_LARGEST_UNITS = 2.0**52
_MOST_DECIMALS = 15
_MOST_MODES = 255
_TYPES = ("int", "long", "float", "double")
_BOUNDS = {
    "int": (-(2.0**31) - 1, 2.0**31),
    "long": (-(2.0**53), 2.0**53),
}
"""Numbers within them can be restored: of longs those that doubles hold exactly. Others need be finite only."""

_LISTS = ("weight", "mean", "std", "offset", "precision")
_NUMBERS = ("rows", "nulls", "min", "max", "decimals", "lowerBound", "iterations")
_PARTS = {*_LISTS, *_NUMBERS, "name", "type", "nullable", "roundTo", "converged", "histogram", "baseline"}


class Normalized(NamedTuple):
    """A normalized column: a row of a null has the value NaN and the mode -1."""

    values: Doubles
    modes: Modes


class Column:
    """The model of a column, as ``vgm fit`` has made it.

    ``transform`` and ``inverse_transform`` do the product's own arithmetic in its own order, so that their results
    are the product's to the last bit.
    """

    def __init__(self, json: Mapping[str, Any]) -> None:
        problem = _problem(json)
        if problem is not None:
            raise ModelError(f"This is no model of a column: {problem}", "Give what vgm model export has written")
        self._json = copy.deepcopy(dict(json))
        self.name: str = json["name"]
        self.type: str = json["type"]
        self.nullable: bool = json["nullable"]
        self.min = float(json["min"])
        self.max = float(json["max"])
        self.rows = float(json["rows"])
        self.nulls = float(json["nulls"])
        self.round_to: int | None = json.get("roundTo")
        self.weight, self.mean, self.std, self.offset, self.precision = (_frozen(json[name]) for name in _LISTS)
        self._scale = _frozen(STDS_PER_UNIT * self.std)
        self._half = _frozen(0.5 * self.precision)

    @property
    def modes(self) -> int:
        """The number of modes; a mode is an index below it, in the order of the means."""
        return len(self.mean)

    @property
    def is_integer(self) -> bool:
        return self.type in ("int", "long")

    def to_json(self) -> dict[str, Any]:
        """What a model's file has of the column."""
        return copy.deepcopy(self._json)

    def __repr__(self) -> str:
        return f"Column({self.name!r}, {self.type}, {self.modes} modes)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Column) and self._json == other._json

    def __hash__(self) -> int:
        return hash((self.name, self.mean.tobytes(), self.std.tobytes()))

    def transform(self, values: Any, *, clip: float | None = None, uniforms: ArrayLike | None = None) -> Normalized:
        """Normalizes numbers: the mode is the most likely one, value = (x - mean) / (4 std).

        A number so far out that it could not be restored gets the value NaN, and a warning says so; normalize makes
        such rows dead letters.

        :param clip: cuts values to -clip..clip, as CTGAN does with 0.99; rows beyond cannot be restored
        :param uniforms: numbers in [0, 1), one a row: modes are drawn from the posterior with them, as CTGAN does.
            Exponentials of other processors may differ in the last bit, and a mode in 10^15 with them.
        """
        if clip is not None and not clip > 0:
            raise ValuesError(f"clip is {clip}", "Choose a number above 0, such as 0.99")
        x, nulls = doubles(values, self.name, is_integer=self.is_integer, is_nullable=self.nullable)
        drawn = None if uniforms is None else np.asarray(uniforms, dtype=np.float64)
        if drawn is not None and drawn.shape != x.shape:
            raise ValuesError(f"There are {drawn.size} uniforms for {x.size} rows", "Give one for each row")
        out = np.empty(x.shape)
        modes = np.empty(x.shape, np.int16)
        failed = 0
        with np.errstate(all="ignore"):
            for start in range(0, x.size, _BLOCK_ROWS):
                block = slice(start, start + _BLOCK_ROWS)
                if drawn is None:
                    self._likeliest(x[block], out[block], modes[block])
                else:
                    self._drawn(x[block], drawn[block], out[block], modes[block])
                if clip is None:
                    mode = modes[block]
                    lost = ~np.isfinite(out[block] * self._scale[mode] + self.mean[mode]) & ~nulls[block]
                    failed += int(np.count_nonzero(lost))
                    out[block][lost] = np.nan
        if clip is not None:
            np.minimum(clip, np.maximum(-clip, out, out=out), out=out)
        out[nulls] = np.nan
        modes[nulls] = -1
        if failed > 0:
            warnings.warn(
                f'{failed} numbers of column "{self.name}" are too far from every mode: their value is NaN',
                RuntimeWarning,
                stacklevel=2,
            )
        return Normalized(out, modes)

    def inverse_transform(self, values: ArrayLike, modes: ArrayLike) -> Doubles:
        """Restores numbers, rounded as restore does; NaN where the mode is -1, which stands for null."""
        value = np.asarray(values, dtype=np.float64)
        mode = np.asarray(modes)
        if value.shape != mode.shape or value.ndim != 1:
            raise ValuesError(f"values has shape {value.shape}, and modes {mode.shape}", "Give one of each a row")
        if mode.dtype.kind not in "iu":
            raise ValuesError(f"modes are of type {mode.dtype}", "Give integers, and -1 for null")
        nulls = mode < 0
        if (mode >= self.modes).any():
            row = int((mode >= self.modes).argmax())
            raise ValuesError(
                f'The mode of row {row} is {mode[row]}, and column "{self.name}" has {self.modes} modes',
                "Restore with the model that the values were normalized with",
            )
        wrong = ~np.isfinite(value) & ~nulls
        if wrong.any():
            row = int(wrong.argmax())
            raise ValuesError(f'The value of row {row} of column "{self.name}" is {value[row]}', "Leave such rows out")
        index = np.where(nulls, 0, mode)
        with np.errstate(all="ignore"):
            out: Doubles = value * self._scale[index] + self.mean[index]
            out = rounded(out, self.type, self.round_to)
        refuse_unholdable(out, nulls, self.type, self.name)
        out[nulls] = np.nan
        return out

    def normalized_fill(self, number: float) -> Normalized:
        """One number that stands in for nulls: a mean, which need be no integer."""
        out, modes = np.empty(1), np.empty(1, np.int16)
        with np.errstate(all="ignore"):
            self._likeliest(np.array([number]), out, modes)
        return Normalized(out, modes)

    def scores(self, values: Any) -> Doubles:
        """ln of weight times density of each mode, up to a constant of the row; shape (rows, modes)."""
        x, _ = doubles(values, self.name, is_integer=False, is_nullable=True)
        d = x[:, np.newaxis] - self.mean
        with np.errstate(all="ignore"):
            out: Doubles = self.offset - self._half * d * d
        return out

    def responsibilities(self, values: Any) -> Doubles:
        """The posterior probability of each mode; shape (rows, modes), rows sum to 1."""
        scores = self.scores(values)
        with np.errstate(all="ignore"):
            share = np.exp(scores - scores.max(axis=1, keepdims=True))
            out: Doubles = share / share.sum(axis=1, keepdims=True)
        return out

    def _likeliest(self, x: Doubles, out: Doubles, modes: Modes) -> None:
        """The mode with the highest score, ties and what has none to the lowest, and the value within it."""
        best = np.full(x.shape, -np.inf)
        distance = np.empty_like(x)
        score = np.empty_like(x)
        is_better = np.empty(x.shape, np.bool_)
        place = np.empty(x.shape, np.uint8)
        mode = np.zeros(x.shape, np.uint8)
        for k in range(self.modes):
            # The order of operations decides near boundaries: offset - 0.5 * precision * d * d, from left to right.
            np.subtract(x, self.mean[k], out=distance)
            np.multiply(self._half[k], distance, out=score)
            np.multiply(score, distance, out=score)
            np.subtract(self.offset[k], score, out=score)
            np.greater(score, best, out=is_better)
            np.maximum(score, best, out=best)
            # Each k is above those before it: a maximum takes a fifth of the time of a copy where is_better.
            np.multiply(is_better.view(np.uint8), np.uint8(k), out=place)
            np.maximum(mode, place, out=mode)
        modes[:] = mode
        np.subtract(x, self.mean[mode], out=out)
        np.divide(out, self._scale[mode], out=out)

    def _drawn(self, x: Doubles, uniforms: Doubles, out: Doubles, modes: Modes) -> None:
        distance = x[:, np.newaxis] - self.mean
        score = self.offset - self._half * distance * distance
        cumulative = np.exp(score - np.fmax.reduce(score, axis=1, keepdims=True)).cumsum(axis=1)
        at = (uniforms * cumulative[:, -1])[:, np.newaxis]
        modes[:] = np.minimum((cumulative <= at).sum(axis=1), self.modes - 1)
        out[:] = (x - self.mean[modes]) / self._scale[modes]


def rounded(numbers: Doubles, type_: str, round_to: int | None) -> Doubles:
    """Numbers of a column of this type as restore rounds them: m / 10^round_to, halves up, and no -0."""
    out = numbers
    per_one = 1.0 if type_ in ("int", "long") else None if round_to is None else float(10**round_to)
    with np.errstate(all="ignore"):
        if per_one is not None:
            units = np.floor(out * per_one + 0.5)
            out = np.where(np.abs(units) < _LARGEST_UNITS, units / per_one, out)
        if type_ == "float":
            out = out.astype(np.float32).astype(np.float64)
    return out


def refuse_unholdable(numbers: Doubles, nulls: NDArray[np.bool_], type_: str, name: str) -> None:
    """
    :raises ValuesError: for a number that the type cannot hold: restore makes a dead letter of it
    """
    low, high = _BOUNDS.get(type_, (-np.inf, np.inf))
    wrong = ~((numbers > low) & (numbers < high)) & ~nulls
    if wrong.any():
        row = int(wrong.argmax())
        raise ValuesError(
            f'Row {row} of column "{name}" would be {float(numbers[row])!r}, which the type {type_} cannot hold',
            "Leave such rows out: what stands for the number is too far out",
        )


def _frozen(numbers: ArrayLike) -> Doubles:
    array = np.array(numbers, dtype=np.float64)
    array.setflags(write=False)
    return array


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: object, least: int, most: float) -> bool:
    return isinstance(value, (int, float)) and _is_number(value) and value == int(value) and least <= value <= most


def _list_problem(name: str, numbers: object) -> str | None:
    if not isinstance(numbers, list):
        return f"it has no list {name}"
    wrong = next((i for i, value in enumerate(numbers) if not _is_number(value)), None)
    return None if wrong is None else f"{name}[{wrong}] is {numbers[wrong]!r}"


def _ascends(numbers: list[float]) -> bool:
    return all(a <= b for a, b in zip(numbers, numbers[1:]))


def _bins_problem(name: str, bins: object, lists: tuple[str, ...]) -> str | None:
    if not isinstance(bins, Mapping):
        return f"its {name} is {bins!r}"
    for part in lists:
        problem = _list_problem(f"{name}.{part}", bins.get(part))
        if problem is not None:
            return problem
    count = len(bins["counts"])
    if count < 1 or len(bins["edges"]) != count + 1 or len(bins.get("means", bins["counts"])) != count:
        return f"its {name} has {len(bins['edges'])} edges and {count} counts"
    if not _ascends(bins["edges"]) or not all(rows >= 0 for rows in bins["counts"]):
        return f"the edges of its {name} do not ascend, or a count is below 0"
    return None


def _problem(json: object) -> str | None:
    """Why something is no model of a column, as a clause: what the product itself asks of one."""
    if not isinstance(json, Mapping):
        return f"it is {type(json).__name__}, and no object"
    unknown = next((name for name in json if name not in _PARTS), None)
    if unknown is not None:
        return f"there is no {unknown} in one"
    if not isinstance(json.get("name"), str):
        return "it has no name"
    for part in ("nullable", "converged"):
        if not isinstance(json.get(part), bool):
            return f"{part} is {json.get(part)!r}"
    for part in _NUMBERS:
        if not _is_number(json.get(part)):
            return f"{part} is {json.get(part)!r}"
    if json.get("type") not in _TYPES:
        return f"its type is {json.get('type')!r}"
    if json["rows"] < 0 or json["nulls"] < 0:
        return "rows or nulls is below 0"
    if not _is_whole(json["decimals"], 0, _MOST_DECIMALS) or not _is_whole(json["iterations"], 0, 2**53):
        return "decimals or iterations is no whole number that it can be"
    if json["min"] > json["max"]:
        return f"min is {json['min']}, and max is {json['max']}"
    if "roundTo" in json:
        if not _is_whole(json["roundTo"], 0, _MOST_DECIMALS - 1) or json["type"] in ("int", "long"):
            return f"roundTo is {json['roundTo']!r}, and its type is {json['type']}"
    problem = _bins_problem("histogram", json.get("histogram"), ("edges", "counts"))
    if problem is None and "baseline" in json:
        problem = _bins_problem("baseline", json["baseline"], ("edges", "counts", "means"))
    return problem or _modes_problem(json)


def _modes_problem(json: Mapping[str, Any]) -> str | None:
    for part in _LISTS:
        problem = _list_problem(part, json.get(part))
        if problem is not None:
            return problem
    weight, mean, std, offset, precision = (json[part] for part in _LISTS)
    if not 1 <= len(mean) <= _MOST_MODES:
        return f"it has {len(mean)} modes"
    if any(len(json[part]) != len(mean) for part in _LISTS):
        return "its lists are of different lengths"
    if not all(width > 0 for width in std):
        return "a std is not above 0"
    if not _ascends(mean):
        return "its means do not ascend"
    if not all(share >= 0 for share in weight) or not 0 < sum(weight) <= 1 + 1e-6:
        return f"its weights sum to {sum(weight)}, or one is below 0"
    if len(mean) == 1 and precision[0] == 0 and offset[0] == 0:
        return None
    wrong = next((k for k in range(len(mean)) if not abs(precision[k] * std[k] * std[k] - 1) <= 1e-6), None)
    return None if wrong is None else f"precision[{wrong}] is {precision[wrong]}, and std[{wrong}] is {std[wrong]}"
