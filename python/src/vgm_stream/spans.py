"""What the columns of a training matrix are: the file spans.json of ``vgm export --as``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import MatrixError, file_bytes
from .times import TIME_TYPES

Matrix = NDArray[np.float32]

_KINDS = ("ctgan", "quantile", "ple")
_FIX = "Give the spans.json that vgm export --as has written beside the matrix"


class SpanInfo(NamedTuple):
    """As ctgan has it: how many columns, and the activation of the generator's last layer."""

    dim: int
    activation_fn: str


@dataclass(frozen=True)
class Span:
    """Columns of the matrix that belong together."""

    column: str
    kind: str
    """value, mode, score, bins, null, or category"""
    start: int
    width: int
    activation: str
    file_start: int
    file_width: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    categories: tuple[str | float | bool, ...] = ()
    rare_at: int | None = None
    null_at: int | None = None
    distribution: str | None = None
    """of a score: normal or uniform"""
    weight: tuple[float, ...] = ()
    """of a score: of each mode, whose mean and std are as those of a mode"""
    edges: tuple[float, ...] = ()
    """of bins: one more than there are"""

    @property
    def columns(self) -> slice:
        return slice(self.start, self.start + self.width)


@dataclass(frozen=True)
class SpanColumn:
    """A column of the rows, and all of its spans."""

    name: str
    is_discrete: bool
    type: str
    """the Avro type of the raw column"""
    start: int
    width: int
    has_nulls: bool
    spans: tuple[Span, ...]
    fill: float = 0.0
    """what stands in for null, in the unit of the column"""
    round_to: int | None = None
    logical_type: str | None = None
    """of the raw column: Avro's name for a date or a time"""
    rare: tuple[tuple[str | float | bool, ...], tuple[int, ...]] = ((), ())
    """of a discrete column: the categories that share a place, and the rows of each"""

    def span(self, kind: str) -> Span | None:
        return next((span for span in self.spans if span.kind == kind), None)


@dataclass(frozen=True)
class Spans:
    """The description of a matrix: its columns in order, and the file that it is in, if it is in one."""

    columns: tuple[SpanColumn, ...]
    file: Path | None = None
    file_format: str = "npy"
    is_index: bool = False
    """whether the file has a softmax span as one number: the place of its 1"""
    rows: int | None = None
    clip: float | None = None
    model_version: int | None = None
    content_sha256: str | None = None
    made_for: str = "ctgan"
    """ctgan, quantile, or ple: what stands for numbers"""

    @property
    def width(self) -> int:
        """Columns of the training matrix."""
        return sum(column.width for column in self.columns)

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(span for column in self.columns for span in column.spans)

    @property
    def file_width(self) -> int:
        return sum(span.file_width for span in self.spans)

    @property
    def output_info_list(self) -> list[list[SpanInfo]]:
        """As ctgan's DataTransformer has it: a list for each column; an indicator of null is a discrete one of its own."""
        return [[SpanInfo(span.width, span.activation) for span in group] for _, group in self.groups]

    @property
    def groups(self) -> list[tuple[SpanColumn, tuple[Span, ...]]]:
        """What counts as a column to ctgan."""
        found: list[tuple[SpanColumn, tuple[Span, ...]]] = []
        for column in self.columns:
            found.append((column, tuple(span for span in column.spans if span.kind != "null")))
            found.extend((column, (span,)) for span in column.spans if span.kind == "null")
        return found

    @classmethod
    def read(cls, file: str | os.PathLike[str]) -> Spans:
        """The description of a file spans.json; the matrix is beside it."""
        path = Path(file)
        try:
            content = json.loads(file_bytes(path, MatrixError, _FIX))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise MatrixError(f"{path} is no JSON: {error}", _FIX) from error
        return cls.from_json(content, path.parent)

    @classmethod
    def from_json(cls, content: Mapping[str, Any], folder: Path | None = None) -> Spans:
        """The description of an object as spans.json has it."""
        try:
            if content["formatVersion"] != 1:
                raise MatrixError(f"spans.json has version {content['formatVersion']}, and 1 is known", _FIX)
            if content["as"] not in _KINDS:
                raise MatrixError(f"The matrix is one of --as {content['as']}", f"Export it as {', '.join(_KINDS)}")
            logical = dict(_logical_types(json.loads(content["rawSchema"])))
            columns = tuple(_column(column, content["spans"], logical) for column in content["columns"])
            spans = cls(
                columns=columns,
                file=None if folder is None else folder / content["file"],
                file_format=content["fileFormat"],
                is_index=content["encoding"] == "index",
                rows=content["rows"],
                clip=content["clip"],
                model_version=content["model"]["version"],
                content_sha256=content["model"]["contentSha256"],
                made_for=content["as"],
            )
            if spans.width != content["width"] or spans.file_width != content["fileWidth"]:
                raise MatrixError(f"The spans have {spans.width} columns, and the matrix {content['width']}", _FIX)
            return spans
        except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise MatrixError(f"spans.json lacks a part: {error}", _FIX) from error

    def decoded(self, rows: NDArray[Any]) -> Matrix:
        """Rows of the file as rows of the training matrix; always a copy."""
        if not self.is_index:
            return np.array(rows, dtype=np.float32)
        out = np.zeros((len(rows), self.width), np.float32)
        at = np.arange(len(rows))
        for span in self.spans:
            part = rows[:, span.file_start : span.file_start + span.file_width]
            if span.activation != "softmax":
                out[:, span.columns] = part
                continue
            place = part[:, 0]
            wrong = ~((place >= 0) & (place < span.width) & (np.floor(place) == place))
            if wrong.any():
                raise MatrixError(
                    f'A place of column "{span.column}" is {float(place[wrong.argmax()])!r}, '
                    f"which is no whole number from 0 to {span.width - 1}",
                    _FIX,
                )
            out[at, span.start + place.astype(np.int64)] = 1
        return out


def _logical_types(record: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """The logical types of the dates and times in an Avro schema, by the paths of their columns."""
    for field in record.get("fields", ()):
        branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
        for branch in branches:
            if not isinstance(branch, Mapping):
                continue
            if branch["type"] == "record":
                yield from _logical_types(branch, f"{before}{field['name']}.")
            elif branch.get("logicalType") in TIME_TYPES:
                yield f"{before}{field['name']}", branch["logicalType"]


def _column(json: Mapping[str, Any], spans: Sequence[Mapping[str, Any]], logical: Mapping[str, str]) -> SpanColumn:
    start, end = json["start"], json["start"] + json["width"]
    rare = json.get("rare", {"categories": [], "counts": []})
    return SpanColumn(
        name=json["name"],
        is_discrete=json["kind"] == "discrete",
        type=json["type"],
        start=start,
        width=json["width"],
        has_nulls=json["nulls"] > 0,
        spans=tuple(_span(span) for span in spans if start <= span["start"] < end),
        fill=float(json.get("fill", 0.0)),
        round_to=json.get("roundTo"),
        logical_type=logical.get(json["name"]),
        rare=(tuple(rare["categories"]), tuple(rare["counts"])),
    )


def _span(json: Mapping[str, Any]) -> Span:
    return Span(
        column=json["column"],
        kind=json["kind"],
        start=json["start"],
        width=json["width"],
        activation=json["activation"],
        file_start=json["fileStart"],
        file_width=json["fileWidth"],
        mean=tuple(json.get("mean", ())),
        std=tuple(json.get("std", ())),
        categories=tuple(json.get("categories", ())),
        rare_at=json.get("rareAt"),
        null_at=json.get("nullAt"),
        distribution=json.get("distribution"),
        weight=tuple(json.get("weight", ())),
        edges=tuple(json.get("edges", ())),
    )
