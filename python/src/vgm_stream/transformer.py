"""Tables to training matrices and back, with the interface of ctgan's DataTransformer."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .column import STDS_PER_UNIT, Normalized, refuse_unholdable, rounded
from .draws import draw_shares
from .errors import MatrixError, ModelError, ValuesError
from .model import Model
from .quantiles import numbers_of_bins, numbers_of_scores
from .rows import Chunk, Rows
from .spans import Matrix, Span, SpanColumn, SpanInfo, Spans
from .tables import columns_of
from .times import integers_of, times_of
from .values import Doubles, items


class VgmTransformer:
    """Makes training matrices of tables with a model that is there already: it fits nothing but categories.

    A modelled column becomes one column with its value and one for each mode, of which one is 1; if it has nulls, two
    more for [present, null]. A discrete column becomes one column for each of its categories.

    :param model: the mixtures of the numeric columns
    :param clip: cuts values to -clip..clip, as ctgan does, for its generator ends in tanh; None cuts none
    :param mode_choice: "likeliest", as ``vgm normalize`` chooses unless told, or "sample", as CTGAN draws them
    :param seed: of the draws: the same calls give the same modes, and a matrix the same rare categories, which are
        those of ``vgm load --seed``
    """

    def __init__(
        self,
        model: Model | None,
        *,
        clip: float | None = 0.99,
        mode_choice: str = "likeliest",
        seed: int = 0,
    ) -> None:
        if mode_choice not in ("likeliest", "sample"):
            raise ValuesError(f"mode_choice is {mode_choice!r}", 'Choose "likeliest" or "sample"')
        self._model = model
        self._clip = clip
        self._seed = seed
        self._random = np.random.default_rng(seed) if mode_choice == "sample" else None
        self._spans: Spans | None = None
        self._dtypes: dict[str, Any] = {}
        self.dataframe = True
        self.left_out: tuple[str, ...] = ()
        """columns of a topic or file that are neither modelled nor named as discrete"""

    @classmethod
    def from_spans(
        cls, spans: Spans | str | os.PathLike[str], model: Model | None = None, *, seed: int = 0
    ) -> VgmTransformer:
        """The transformer of a matrix that ``vgm export --as`` has written.

        Of ``--as quantile`` and ``--as ple`` it has the way back alone.

        :param model: needed for ``transform`` only; ``inverse_transform`` needs what spans.json has
        :param seed: of the draws of rare categories, as that of ``vgm load``
        """
        described = spans if isinstance(spans, Spans) else Spans.read(spans)
        if model is not None:
            _check_model(described, model)
        transformer = cls(model, clip=described.clip, seed=seed)
        transformer._spans = described
        return transformer

    @property
    def model(self) -> Model:
        if self._model is None:
            raise ModelError("The transformer has no model", "Give one: VgmTransformer.from_spans(spans, model)")
        return self._model

    @property
    def spans(self) -> Spans:
        """What the columns of the matrix are."""
        if self._spans is None:
            raise MatrixError("The transformer is not fitted", "Call fit first, or make it with from_spans")
        return self._spans

    @property
    def output_info_list(self) -> list[list[SpanInfo]]:
        """As ctgan has it: for each column its spans."""
        return self.spans.output_info_list

    @property
    def output_dimensions(self) -> int:
        """Columns of the matrix."""
        return self.spans.width

    def fit(self, raw_data: Any, discrete_columns: Sequence[Any] = ()) -> VgmTransformer:
        """Finds categories and nulls.

        :param raw_data: a table, every column of which is modelled or discrete; or the rows of ``read_rows`` or
            ``read_topic``, whose other columns are left out with a warning
        :param discrete_columns: names of the columns that become one-hot, modelled ones too; of a matrix their numbers
        """
        discrete = {str(name) for name in discrete_columns}
        layout = _Layout(self.model, discrete)
        if isinstance(raw_data, Rows):
            self.dataframe = True
            self._dtypes = {}
            for chunk in raw_data.chunks():
                layout.see(chunk)
        else:
            table = columns_of(raw_data)
            self.dataframe = not isinstance(raw_data, np.ndarray)
            dtypes = {name: getattr(column, "dtype", None) for name, column in table.items()}
            # Those of polars are no types of pandas.
            self._dtypes = {n: d for n, d in dtypes.items() if isinstance(d, np.dtype) or hasattr(d, "na_value")}
            others = [name for name in table if name not in self.model and name not in discrete]
            if others:
                raise ValuesError(
                    f'Column "{others[0]}" is neither in the model nor discrete',
                    "Drop it, or name it in discrete_columns",
                )
            layout.see(self._chunk(table, discrete, None))
        missing = sorted(discrete - set(layout.categories))
        if missing:
            raise ValuesError(f'There is no column "{missing[0]}"', "Name columns that there are")
        self.left_out = tuple(layout.left_out)
        if self.left_out:
            warnings.warn(
                f"The matrix has no columns of {', '.join(self.left_out)}: they are neither modelled nor discrete. "
                "Name those that it is to have in discrete_columns.",
                RuntimeWarning,
                stacklevel=2,
            )
        self._spans = layout.spans(self._clip)
        return self

    def transform(self, raw_data: Any) -> Matrix:
        """The training matrix of a table, shape (rows, output_dimensions), float32."""
        self._demand_ctgan()
        table = columns_of(raw_data)
        columns = self.spans.columns
        missing = [column.name for column in columns if column.name not in table]
        if missing:
            raise ValuesError(f'The table has no column "{missing[0]}"', "Give the columns that were fitted")
        wanted = {column.name: _plain_values(column, table[column.name]) for column in columns}
        discrete = {column.name for column in columns if column.is_discrete}
        return self.encode(self._chunk(wanted, discrete, self.spans.clip))

    def encode(self, chunk: Chunk) -> Matrix:
        """The training matrix of normalized rows."""
        self._demand_ctgan()
        out = np.zeros((chunk.rows, self.spans.width), np.float32)
        for column in self.spans.columns:
            if column.is_discrete:
                places = _places(column, _categories(chunk, column.name, self._model, column))
                out[np.arange(chunk.rows), column.start + places] = 1
            else:
                self._encode_numbers(column, chunk, out)
        return out

    def inverse_transform(
        self, data: NDArray[Any], sigmas: NDArray[Any] | None = None, *, first_row: int = 0
    ) -> Any:
        """The rows of a matrix: those that a generator has made, or those that ``transform`` was given.

        :param sigmas: standard deviations of noise that is added to values, as TVAE gives them
        :param first_row: the number of the first row, for a matrix in parts: rare categories are drawn by row
        :returns: a DataFrame; an array if an array was fitted; a dict of columns where pandas is not installed
        :raises MatrixError: for NaN or an infinity anywhere
        :raises ValuesError: for a number that its column cannot hold
        """
        spans = self.spans
        matrix = _generated(data, spans)
        columns: dict[str, NDArray[Any]] = {}
        for column in spans.columns:
            if column.is_discrete:
                columns[column.name] = _decoded_categories(column, matrix, self._seed, first_row)
            else:
                sigma = None if sigmas is None else float(sigmas[column.start])
                columns[column.name] = _decoded_numbers(column, matrix, sigma)
            if column.logical_type is not None:
                columns[column.name] = times_of(columns[column.name], column.logical_type)
        return self._table(columns)

    def convert_column_name_value_to_id(self, column_name: str, value: Any) -> dict[str, int]:
        """The places of a discrete column and of one of its categories, as ctgan asks for them."""
        discrete_id = 0
        for column_id, (column, spans) in enumerate(self.spans.groups):
            if column.is_discrete and column.name == column_name:
                value_id = int(_places(column, items([value]))[0])
                return {"discrete_column_id": discrete_id, "column_id": column_id, "value_id": value_id}
            discrete_id += len(spans) == 1
        names = ", ".join(column.name for column in self.spans.columns if column.is_discrete)
        raise ValuesError(f'There is no discrete column "{column_name}"', f"Choose of {names}")

    def _demand_ctgan(self) -> None:
        if self.spans.made_for != "ctgan":
            raise MatrixError(
                f"The transformer makes no matrix of --as {self.spans.made_for}", "Export it, and read it with read_matrix"
            )

    def _chunk(self, table: Mapping[str, Any], discrete: set[str], clip: float | None) -> Chunk:
        modelled: dict[str, Normalized] = {}
        others: dict[str, Any] = {}
        rows = 0
        for name, values in table.items():
            rows = len(values)
            if name in discrete:
                others[name] = values
                continue
            uniforms = None if self._random is None else self._random.random(rows)
            modelled[name] = self.model[name].transform(values, clip=clip, uniforms=uniforms)
        return Chunk(list(table), modelled, others, rows)

    def _encode_numbers(self, column: SpanColumn, chunk: Chunk, out: Matrix) -> None:
        normalized = chunk.modelled.get(column.name)
        if normalized is None:
            raise MatrixError(f'The rows have no modelled column "{column.name}"', "Read rows of the same model")
        values, modes = normalized
        rows = np.arange(chunk.rows)
        value, mode, null = (column.span(kind) for kind in ("value", "mode", "null"))
        assert value is not None and mode is not None
        nulls = modes < 0
        if nulls.any():
            if null is None:
                raise ValuesError(
                    f'Row {int(nulls.argmax())} of column "{column.name}" is null, and no row was when it was fitted',
                    "Fit with rows that have nulls, or leave such rows out",
                )
            fill = self.model[column.name].normalized_fill(column.fill)
            values, modes = np.where(nulls, fill.values[0], values), np.where(nulls, fill.modes[0], modes)
        clip = self.spans.clip
        with np.errstate(over="ignore"):
            numbers = (values if clip is None else np.clip(values, -clip, clip)).astype(np.float32)
        lost = ~np.isfinite(numbers)
        if lost.any():
            raise ValuesError(
                f'Row {int(lost.argmax())} of column "{column.name}" is too far from its mode for 32 bits',
                "Leave such rows out, or give the transformer a clip",
            )
        out[:, value.start] = numbers
        out[rows, mode.start + modes] = 1
        if null is not None:
            out[rows, null.start + nulls] = 1

    def _table(self, columns: dict[str, NDArray[Any]]) -> Any:
        if not self.dataframe:
            return np.column_stack(list(columns.values()))
        try:
            import pandas
        except ImportError:
            return columns
        frame = pandas.DataFrame(columns)
        # Masked integers have a type that has no null.
        fits = {n: d for n, d in self._dtypes.items() if n in columns and not (d.kind in "iu" and _has_nan(d, columns[n]))}
        return frame.astype(fits)


class _Layout:
    """Categories and nulls of the rows that it has seen, and the spans that they make."""

    def __init__(self, model: Model, discrete: set[str]) -> None:
        self._model = model
        self._discrete = discrete
        self._order: dict[str, None] = {}
        self.categories: dict[str, dict[Any, None]] = {}
        self.left_out: dict[str, None] = {}
        self._nulls: dict[str, int] = {}
        self._count: dict[str, int] = {}
        self._sum: dict[str, float] = {}

    def see(self, chunk: Chunk) -> None:
        for name in chunk.order:
            if name in self._discrete:
                self._order[name] = None
                self.categories.setdefault(name, {}).update(
                    dict.fromkeys(_categories(chunk, name, self._model)),
                )
            elif name in chunk.modelled:
                self._order[name] = None
                self._see_numbers(name, chunk.modelled[name])
            else:
                self.left_out[name] = None

    def _see_numbers(self, name: str, normalized: Normalized) -> None:
        nulls = normalized.modes < 0
        finite = ~nulls & np.isfinite(normalized.values)
        self._nulls[name] = self._nulls.get(name, 0) + int(np.count_nonzero(nulls))
        self._count[name] = self._count.get(name, 0) + int(np.count_nonzero(finite))
        numbers = self._model[name].inverse_transform(normalized.values[finite], normalized.modes[finite])
        self._sum[name] = self._sum.get(name, 0.0) + float(numbers.sum())

    def spans(self, clip: float | None) -> Spans:
        columns: list[SpanColumn] = []
        start = 0
        for name in self._order:
            column = self._category_column(name, start) if name in self.categories else self._number_column(name, start)
            columns.append(column)
            start += column.width
        if not columns:
            raise ValuesError("There are no rows, or no columns", "Fit with rows")
        return Spans(tuple(columns), clip=clip, model_version=self._model.version, content_sha256=self._model.content_sha256)

    def _category_column(self, name: str, start: int) -> SpanColumn:
        found = self.categories[name]
        known = tuple(category for category in found if category is not None)
        null_at = len(known) if None in found else None
        width = len(known) + (null_at is not None)
        span = Span(name, "category", start, width, "softmax", start, width, categories=known, null_at=null_at)
        return SpanColumn(name, True, _category_type(known), start, width, null_at is not None, (span,))

    def _number_column(self, name: str, start: int) -> SpanColumn:
        model = self._model[name]
        nulls, count = self._nulls[name], self._count[name]
        mean, std = tuple(model.mean.tolist()), tuple(model.std.tolist())
        at = start + 1
        spans = [
            Span(name, "value", start, 1, "tanh", start, 1),
            Span(name, "mode", at, model.modes, "softmax", at, model.modes, mean=mean, std=std),
        ]
        at += model.modes
        if nulls > 0:
            spans.append(Span(name, "null", at, 2, "softmax", at, 2))
            at += 2
        fill = self._sum[name] / count if count > 0 else 0.0
        return SpanColumn(name, False, model.type, start, at - start, nulls > 0, tuple(spans), fill, model.round_to)


def _has_nan(dtype: Any, column: NDArray[Any]) -> bool:
    return isinstance(dtype, np.dtype) and column.dtype.kind == "f" and bool(np.isnan(column).any())


def _check_model(spans: Spans, model: Model) -> None:
    for column in spans.columns:
        mode = column.span("mode")
        if mode is None:
            continue
        if column.name not in model or model[column.name].mean.tolist() != list(mode.mean):
            raise ModelError(
                f'Column "{column.name}" of the matrix has other modes than the model, version {model.version}',
                f"Give version {spans.model_version} of the model",
            )




def _category_type(categories: Sequence[Any]) -> str:
    if all(isinstance(category, bool) for category in categories):
        return "boolean"
    if all(isinstance(category, int) for category in categories):
        return "long"
    return "double" if all(isinstance(category, (int, float)) for category in categories) else "string"


def _plain_values(column: SpanColumn, values: Any) -> Any:
    """Dates and times as the integers that the matrix has of them."""
    return values if column.logical_type is None else integers_of(values, column.logical_type)


def _categories(chunk: Chunk, name: str, model: Model | None, column_of: SpanColumn | None = None) -> list[Any]:
    """The values of a discrete column; None for null."""
    if name in chunk.others:
        values = chunk.others[name]
        return items(values if column_of is None else _plain_values(column_of, values))
    if name not in chunk.modelled or model is None:
        raise MatrixError(f'The rows have no column "{name}"', "Read rows that have the columns of the matrix")
    column = model[name]
    values, modes = chunk.modelled[name]
    numbers = column.inverse_transform(values, modes)
    found = items(numbers)
    return [int(value) if column.is_integer and value is not None else value for value in found]


def _places(column: SpanColumn, values: Sequence[Any]) -> NDArray[np.int64]:
    """The place of each category among those of a column."""
    (span,) = column.spans
    index: dict[Any, int] = {category: at for at, category in enumerate(span.categories)}
    if span.null_at is not None:
        index[None] = span.null_at
    unknown = -1 if span.rare_at is None else span.rare_at
    places = np.fromiter((index.get(value, -1 if value is None else unknown) for value in values), np.int64, len(values))
    if (places < 0).any():
        row = int((places < 0).argmax())
        raise ValuesError(
            f'Row {row} of column "{column.name}" is {values[row]!r}, and no row was when it was fitted',
            "Fit with rows that have all categories, or leave such rows out",
        )
    return places


def _generated(data: Any, spans: Spans) -> NDArray[Any]:
    """The matrix, which has finite numbers only, as ``vgm load`` wants it."""
    try:
        matrix = np.asarray(data)
    except ValueError as error:
        raise MatrixError(f"The data are no matrix: {error}", "Give rows of one length") from error
    if matrix.ndim != 2 or matrix.shape[1] != spans.width:
        raise MatrixError(f"The matrix has shape {matrix.shape}, not (rows, {spans.width})", "Give one of this layout")
    if matrix.dtype.kind not in "biuf":
        raise MatrixError(f"The matrix has values of type {matrix.dtype}", "Give numbers")
    for span in spans.spans:
        wrong = ~np.isfinite(matrix[:, span.columns])
        if wrong.any():
            row, at = np.argwhere(wrong)[0].tolist()
            raise MatrixError(
                f'Row {row} of column "{span.column}" is {float(matrix[row, span.start + at])!r} '
                f"in column {span.start + at} of the matrix ({span.kind})",
                "Leave such rows out, and look for what made them in the training",
            )
    return matrix


def _decoded_categories(column: SpanColumn, matrix: NDArray[Any], seed: int, first_row: int) -> NDArray[Any]:
    (span,) = column.spans
    places = np.argmax(matrix[:, span.columns], axis=1)
    table = np.full(span.width, None, dtype=object)
    table[: len(span.categories)] = span.categories
    out: NDArray[Any] = table[places]
    rare, counts = column.rare
    if span.rare_at is not None and rare:
        drawn = np.flatnonzero(places == span.rare_at)
        at = draw_shares(counts, seed, column.name, first_row + drawn)
        names = np.full(len(rare), None, dtype=object)
        names[:] = rare
        out[drawn] = names[at]
    if column.type == "string" or span.null_at is not None:
        return out
    return np.array(out.tolist())


def _decoded_numbers(column: SpanColumn, matrix: NDArray[Any], sigma: float | None) -> NDArray[Any]:
    null = column.span("null")
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = rounded(_unrounded(column, matrix, sigma), column.type, column.round_to)
    nulls = np.zeros(len(matrix), np.bool_) if null is None else np.argmax(matrix[:, null.columns], axis=1) == 1
    refuse_unholdable(numbers, nulls, column.type, column.name)
    if null is not None:
        numbers[nulls] = np.nan
        return numbers
    type_ = np.int64 if column.type in ("int", "long") else np.float32 if column.type == "float" else np.float64
    restored: NDArray[Any] = numbers.astype(type_)
    return restored


def _unrounded(column: SpanColumn, matrix: NDArray[Any], sigma: float | None) -> Doubles:
    first = column.spans[0]
    if first.kind == "score":
        assert first.distribution is not None
        return numbers_of_scores(matrix[:, first.start], first.distribution, first.weight, first.mean, first.std)
    if first.kind == "bins":
        return numbers_of_bins(matrix[:, first.columns], first.edges)
    mode = column.span("mode")
    assert mode is not None
    values: Doubles = matrix[:, first.start].astype(np.float64)
    if sigma is not None:
        # The global numbers, for ctgan seeds those.
        values = np.random.normal(values, sigma)
    modes = np.argmax(matrix[:, mode.columns], axis=1)
    std, mean = np.array(mode.std), np.array(mode.mean)
    numbers: Doubles = values * (STDS_PER_UNIT * std)[modes] + mean[modes]
    return numbers
