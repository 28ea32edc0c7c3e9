"""CTGAN and TVAE on a matrix that is there already."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import MatrixError
from .spans import SpanInfo
from .transformer import VgmTransformer

Synthesizer = TypeVar("Synthesizer")


def fit_ctgan(synthesizer: Synthesizer, matrix: NDArray[Any], transformer: VgmTransformer) -> Synthesizer:
    """Trains ``ctgan.CTGAN`` or ``ctgan.TVAE`` on a training matrix, without a transformer of its own.

    The synthesizer makes its transformer of a name in its module; while this runs, the name stands for ours, so that
    no other synthesizer may be trained in this process meanwhile. CTGAN takes rows of a matrix on disk as it needs them.

    :param matrix: of ``transformer.transform``, or of ``open_matrix``
    :param transformer: turns what the synthesizer samples into rows
    """
    if matrix.ndim != 2 or matrix.shape[1] != transformer.output_dimensions or len(matrix) == 0:
        raise MatrixError(
            f"The matrix has shape {matrix.shape}, not (rows, {transformer.output_dimensions})",
            "Give a matrix with rows, and the transformer of its spans",
        )
    names = inspect.unwrap(type(synthesizer).fit).__globals__  # type: ignore[attr-defined]
    if "DataTransformer" not in names:
        raise MatrixError(
            f"{type(synthesizer).__name__} makes its transformer in another way",
            "Give a CTGAN or TVAE of the package ctgan",
        )
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


class _ReadyMatrix:
    """A transformer whose work is done."""

    def __init__(self, matrix: NDArray[Any], transformer: VgmTransformer) -> None:
        self._matrix = matrix
        self._transformer = transformer

    def fit(self, *_: Any) -> None:
        pass

    def transform(self, _: Any) -> NDArray[Any]:
        return self._matrix

    @property
    def output_info_list(self) -> list[list[SpanInfo]]:
        return self._transformer.output_info_list

    @property
    def output_dimensions(self) -> int:
        return self._transformer.output_dimensions
