"""CTGAN and TVAE on a matrix that is there already."""

from __future__ import annotations

import sys
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import MatrixError
from .spans import Matrix
from .transformer import VgmTransformer

Synthesizer = TypeVar("Synthesizer")


def fit_ctgan(synthesizer: Synthesizer, matrix: NDArray[Any], transformer: VgmTransformer) -> Synthesizer:
    """Trains ``ctgan.CTGAN`` or ``ctgan.TVAE`` on a training matrix, without a transformer of its own.

    The synthesizer makes its transformer of a name in its module; while this runs, the name stands for ours, so that
    no other synthesizer may be trained in this process meanwhile. CTGAN takes rows of a matrix on disk as it needs them.

    :param matrix: of ``transformer.transform``, or of ``open_matrix``
    :param transformer: turns what the synthesizer samples into rows
    """
    if transformer.spans.made_for != "ctgan":
        raise MatrixError(f"The matrix is one of --as {transformer.spans.made_for}", "Export it with --as ctgan")
    if matrix.ndim != 2 or matrix.shape[1] != transformer.output_dimensions or len(matrix) == 0:
        raise MatrixError(
            f"The matrix has shape {matrix.shape}, not (rows, {transformer.output_dimensions})",
            "Give a matrix with rows, and the transformer of its spans",
        )
    names = _names_of_fit(synthesizer)
    ready = _ReadyMatrix(matrix, transformer)
    original = names["DataTransformer"]
    names["DataTransformer"] = lambda *_, **__: ready
    try:
        synthesizer.fit(np.array(matrix[:1]))  # type: ignore[attr-defined]
    finally:
        names["DataTransformer"] = original
    # The matrix is not part of the synthesizer, nor of its file.
    for name, value in list(vars(synthesizer).items()):
        if value is ready:
            setattr(synthesizer, name, transformer)
    return synthesizer


def _names_of_fit(synthesizer: Any) -> dict[str, Any]:
    """The names of the module whose class has the synthesizer's ``fit``."""
    owner = next((kind for kind in type(synthesizer).__mro__ if "fit" in vars(kind)), type(synthesizer))
    names = vars(sys.modules[owner.__module__])
    if "DataTransformer" not in names:
        raise MatrixError(
            f"{type(synthesizer).__name__} makes its transformer in another way",
            "Give a CTGAN or TVAE of the package ctgan",
        )
    return names


def sample_matrix(synthesizer: Any, rows: int) -> Matrix:
    """Rows that a synthesizer of ``fit_ctgan`` makes, as a matrix: what ``vgm load --as ctgan`` takes.

    ``synthesizer.sample`` gives the same rows as a table.
    """
    found = [name for name, value in vars(synthesizer).items() if isinstance(value, VgmTransformer)]
    if len(found) != 1:
        raise MatrixError(f"{type(synthesizer).__name__} has no transformer of ours", "Train it with fit_ctgan first")
    (name,) = found
    transformer = getattr(synthesizer, name)
    setattr(synthesizer, name, _AsMatrix(transformer))
    try:
        matrix: Matrix = synthesizer.sample(rows)
        return matrix
    finally:
        setattr(synthesizer, name, transformer)


class _Layout:
    """The layout of a transformer, for what stands in for one."""

    def __init__(self, transformer: VgmTransformer) -> None:
        self._spans = transformer.spans
        self.output_info_list = transformer.output_info_list
        self.output_dimensions = transformer.output_dimensions


class _AsMatrix(_Layout):
    """Leaves a matrix what it is, but for the noise that TVAE adds to values."""

    def inverse_transform(self, data: NDArray[Any], sigmas: NDArray[Any] | None = None) -> Matrix:
        out = np.array(data, dtype=np.float32)
        for span in self._spans.spans:
            if sigmas is not None and span.kind == "value":
                out[:, span.start] = np.random.normal(out[:, span.start], float(sigmas[span.start]))
        return out


class _ReadyMatrix(_Layout):
    """A transformer whose work is done."""

    def __init__(self, matrix: NDArray[Any], transformer: VgmTransformer) -> None:
        super().__init__(transformer)
        self._matrix = matrix

    def fit(self, *_: Any) -> None:
        pass

    def transform(self, _: Any) -> NDArray[Any]:
        return self._matrix
