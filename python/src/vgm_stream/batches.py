"""Batches of a training matrix, in an order that is the same in each run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import MatrixError, MissingPackageError, ValuesError
from .rows import Rows, open_parquet
from .spans import Matrix, Spans
from .transformer import VgmTransformer

_BLOCK_ROWS = 8192


class MatrixSource(Protocol):
    """Rows of a training matrix, which can be read again and again."""

    def chunks(self, shard: int, shards: int, order: np.random.Generator | None) -> Iterator[Matrix]:
        """The rows of one of several equal shares; `order` shuffles the parts that can be read by themselves."""


class Batches(Iterable[Matrix]):
    """Batches of a training matrix: arrays of float32, shape (batch_rows, width), each a copy of its own.

    With ``shuffle_rows`` the parts of a file come in random order, and so many rows are held back and drawn from, which
    takes about four times their memory. The same seed, epoch and number of shards give the same batches.

    :param drop_last: leaves out the last batch if it has fewer rows
    """

    def __init__(
        self,
        source: MatrixSource,
        batch_rows: int,
        *,
        shuffle_rows: int = 0,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if batch_rows < 1 or shuffle_rows < 0:
            raise ValuesError(
                f"batch_rows is {batch_rows}, and shuffle_rows {shuffle_rows}", "Choose at least 1, and at least 0"
            )
        self._source = source
        self._batch_rows = batch_rows
        self._shuffle_rows = shuffle_rows
        self._seed = seed
        self._drop_last = drop_last

    def __iter__(self) -> Iterator[Matrix]:
        return self.epoch(0)

    def epoch(self, number: int, *, shard: int = 0, shards: int = 1) -> Iterator[Matrix]:
        """One pass over the rows: each epoch shuffles them otherwise, and again in the same way if it is repeated.

        :param shard: of `shards` equal shares, for workers that read at the same time
        """
        if self._shuffle_rows == 0:
            return _cut(self._source.chunks(shard, shards, None), self._batch_rows, self._drop_last)
        # The shards share the order of the parts, so that no two read the same.
        chunks = self._source.chunks(shard, shards, np.random.default_rng([self._seed, number]))
        own = np.random.default_rng([self._seed, number, shard])
        return _cut(_shuffled(chunks, self._shuffle_rows, own), self._batch_rows, self._drop_last)


def read_matrix(
    file: str | os.PathLike[str],
    batch_rows: int,
    *,
    shuffle_rows: int = 0,
    seed: int = 0,
    drop_last: bool = False,
) -> Batches:
    """Batches of a matrix that ``vgm export --as`` has written.

    :param file: the spans.json beside the matrix
    """
    source = MatrixFile(Spans.read(file))
    return Batches(source, batch_rows, shuffle_rows=shuffle_rows, seed=seed, drop_last=drop_last)


def open_matrix(file: str | os.PathLike[str] | Spans) -> Matrix:
    """The whole matrix of a spans.json, from the disk as it is used where the file is .npy with one-hot spans."""
    spans = file if isinstance(file, Spans) else Spans.read(file)
    source = MatrixFile(spans)
    if spans.file_format == "npy" and not spans.is_index:
        return source.mapped()
    return np.concatenate(list(source.chunks(0, 1, None)) or [np.zeros((0, spans.width), np.float32)])


class EncodedRows:
    """The matrix of normalized rows."""

    def __init__(self, rows: Rows, transformer: VgmTransformer) -> None:
        self._rows = rows
        self._transformer = transformer

    def chunks(self, shard: int, shards: int, order: np.random.Generator | None) -> Iterator[Matrix]:
        for chunk in self._rows.chunks(shard=shard, shards=shards, order=order):
            yield self._transformer.encode(chunk)


class MatrixFile:
    """The matrix that a spans.json describes, which is beside it."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        if spans.file is None:
            raise MatrixError("The spans are not those of a file", "Read them with Spans.read")
        self._file: Path = spans.file

    def chunks(self, shard: int, shards: int, order: np.random.Generator | None) -> Iterator[Matrix]:
        count = self._parts()
        places = np.arange(count) if order is None else order.permutation(count)
        for place in places[shard::shards]:
            for rows in self._read(int(place)):
                yield self._spans.decoded(rows)

    def mapped(self) -> Matrix:
        """The rows of a .npy file, in memory only as they are used."""
        try:
            matrix: Matrix = np.asarray(np.load(self._file, mmap_mode="r"))
        except (OSError, EOFError, ValueError) as error:
            raise MatrixError(f"{self._file} cannot be read: {error}", "Export the matrix again") from error
        expected = (self._spans.rows, self._spans.file_width)
        if matrix.shape != expected or matrix.dtype != np.float32:
            raise MatrixError(
                f"{self._file} has {matrix.dtype} of shape {matrix.shape}, and its spans.json says float32 of {expected}",
                "Export the matrix again: the two files are not of one export",
            )
        return matrix

    def _parts(self) -> int:
        if self._spans.file_format == "npy":
            return -(-len(self.mapped()) // _BLOCK_ROWS)
        if self._spans.file_format == "parquet":
            return int(open_parquet(self._file).num_row_groups)
        return int(_open_arrow(self._file).num_record_batches)

    def _read(self, part: int) -> Iterator[NDArray[Any]]:
        if self._spans.file_format == "npy":
            yield self.mapped()[part * _BLOCK_ROWS : (part + 1) * _BLOCK_ROWS]
            return
        if self._spans.file_format == "parquet":
            batches = open_parquet(self._file).iter_batches(_BLOCK_ROWS, row_groups=[part])
        else:
            batches = [_open_arrow(self._file).get_batch(part)]
        for batch in batches:
            yield np.column_stack([column.to_numpy(zero_copy_only=False) for column in batch.columns])


def _cut(chunks: Iterable[Matrix], rows: int, drops_last: bool) -> Iterator[Matrix]:
    """The same rows in pieces of so many."""
    left: list[Matrix] = []
    count = 0
    for chunk in chunks:
        at = 0
        while count + len(chunk) - at >= rows:
            end = at + rows - count
            yield np.concatenate([*left, chunk[at:end]])
            left, count, at = [], 0, end
        if at < len(chunk):
            left.append(chunk[at:])
            count += len(chunk) - at
    if left and not drops_last:
        yield np.concatenate(left)


def _shuffled(chunks: Iterable[Matrix], rows: int, random: np.random.Generator) -> Iterator[Matrix]:
    """The same rows, each drawn from a pool of so many that the next ones fill up."""
    pool: Matrix | None = None
    for chunk in _cut(chunks, rows, False):
        if pool is None:
            pool = chunk
            continue
        both = np.concatenate([pool, chunk])
        order = random.permutation(len(both))
        yield both[order[: len(chunk)]]
        pool = both[order[len(chunk) :]]
    if pool is not None:
        yield pool[random.permutation(len(pool))]


def _open_arrow(file: Path) -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError as error:
        raise MissingPackageError("pyarrow") from error
    try:
        return pyarrow.ipc.open_file(pyarrow.memory_map(str(file)))
    except pyarrow.ArrowInvalid as error:
        raise MatrixError(f"{file} is no file of Arrow: {error}", "Export the matrix again") from error
    except OSError as error:
        raise MatrixError(f"{file} cannot be read: {error}", "Export the matrix again") from error
