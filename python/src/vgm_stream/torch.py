"""Training batches for torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .batches import Batches
from .errors import MissingPackageError

try:
    import torch
    from torch.utils.data import IterableDataset, get_worker_info
except ImportError as error:
    raise MissingPackageError("torch") from error


class BatchDataset(IterableDataset):  # type: ignore[misc]
    """Batches as tensors: ``DataLoader(BatchDataset(batches), batch_size=None, num_workers=2)``.

    Workers share the rows. The order is the same for the same seed, epoch and number of workers; call ``set_epoch``
    before each epoch for another one.
    """

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self._batches = batches
        self._epoch = 0

    def set_epoch(self, number: int) -> None:
        """Chooses how the next pass is shuffled."""
        self._epoch = number

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        shard, shards = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for batch in self._batches.epoch(self._epoch, shard=shard, shards=shards):
            yield torch.from_numpy(batch)
