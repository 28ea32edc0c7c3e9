"""Normalized rows, of a file or a topic, chunk by chunk."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .column import Normalized
from .errors import MatrixError, MissingPackageError
from .model import Model

if TYPE_CHECKING:
    from .batches import Batches
    from .transformer import VgmTransformer


class Chunk(NamedTuple):
    """Some rows: normalized columns, and others as they are, in the order of the table."""

    order: Sequence[str]
    modelled: Mapping[str, Normalized]
    others: Mapping[str, Any]
    rows: int


class Rows(ABC):
    """Normalized rows, which can be read again and again."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._version = model.version

    @abstractmethod
    def chunks(
        self, *, shard: int = 0, shards: int = 1, order: np.random.Generator | None = None
    ) -> Iterator[Chunk]:
        """The rows of one of several equal shares.

        :param order: shuffles the parts that can be read by themselves
        """

    def batches(
        self,
        transformer: VgmTransformer,
        batch_rows: int,
        *,
        shuffle_rows: int = 0,
        seed: int = 0,
        drop_last: bool = False,
    ) -> Batches:
        """Training batches of the rows; see ``Batches``."""
        from .batches import Batches, EncodedRows

        source = EncodedRows(self, transformer)
        return Batches(source, batch_rows, shuffle_rows=shuffle_rows, seed=seed, drop_last=drop_last)

    def check_versions(self, versions: Any, where: str) -> None:
        """Rows of another version have other modes.

        :raises MatrixError: for rows of another version than the model's
        """
        for version in np.unique(versions).tolist():
            if self._version is None:
                # The model does not say its own: then all rows are to be of one.
                self._version = version
            if version != self._version:
                raise MatrixError(
                    f"{where} has rows of version {version}, and the model is version {self._version}",
                    "Replay the topic with one model (vgm replay), and read that; or give the model of these rows",
                )


class ParquetRows(Rows):
    """The rows of Parquet files that ``vgm export`` has written, one file after the other."""

    def __init__(self, files: Sequence[Path], model: Model, chunk_rows: int) -> None:
        super().__init__(model)
        self._files = files
        self._chunk_rows = chunk_rows

    def chunks(
        self, *, shard: int = 0, shards: int = 1, order: np.random.Generator | None = None
    ) -> Iterator[Chunk]:
        groups = [(file, group) for file in self._files for group in range(open_parquet(file).num_row_groups)]
        places = np.arange(len(groups)) if order is None else order.permutation(len(groups))
        for place in places[shard::shards]:
            file, group = groups[place]
            for batch in open_parquet(file).iter_batches(batch_size=self._chunk_rows, row_groups=[group]):
                yield self._chunk(batch, file)

    def _chunk(self, batch: Any, file: Path) -> Chunk:
        names = set(batch.schema.names)
        modelled: dict[str, Normalized] = {}
        others: dict[str, Any] = {}
        order: list[str] = []
        for name in batch.schema.names:
            base = name.rpartition("_")[0]
            is_pair = f"{base}_value" in names and f"{base}_mode" in names and base in self.model
            if name == "model_version":
                self.check_versions(batch.column(name).drop_null().to_numpy(zero_copy_only=False), str(file))
            elif is_pair and name == f"{base}_value":
                values = batch.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
                modes = batch.column(f"{base}_mode").fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int16)
                modelled[base] = Normalized(values, modes)
                order.append(base)
            elif not (is_pair and name == f"{base}_mode"):
                others[name] = batch.column(name)
                order.append(name)
        missing = [name for name in self.model if name not in modelled]
        if len(missing) == len(self.model):
            raise MatrixError(
                f"{file} has no column of the model, such as {missing[0]}_value",
                "Give a file that vgm export has written of the normalized topic, and the model of its rows",
            )
        return Chunk(order, modelled, others, batch.num_rows)


def read_rows(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], model: Model, *, chunk_rows: int = 65_536
) -> ParquetRows:
    """The normalized rows of Parquet files that ``vgm export`` has written.

    :param model: of the version that the rows have
    """
    listed = [files] if isinstance(files, (str, os.PathLike)) else list(files)
    return ParquetRows([Path(file) for file in listed], model, chunk_rows)


def open_parquet(file: Path) -> Any:
    """:raises MatrixError: for a file of another format"""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackageError("pyarrow") from error
    try:
        return pyarrow.parquet.ParquetFile(file)
    except pyarrow.ArrowInvalid as error:
        raise MatrixError(f"{file} is no Parquet file: {error}", "Export it as Parquet") from error
    except OSError as error:
        raise MatrixError(f"{file} cannot be read: {error}", "Name a Parquet file of vgm export") from error
