"""Draws that only a seed, a column and a row decide: those of ``vgm load --seed``."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .values import Doubles

_ALL = 0xFFFF_FFFF


def draw_shares(counts: ArrayLike, seed: int, column: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row the place of one of the counts, drawn as often as its share of them says.

    :param rows: numbers of the rows in their matrix
    """
    up_to = np.cumsum(np.asarray(counts, dtype=np.float64))
    places = np.searchsorted(up_to / up_to[-1], row_hashes(seed, column, rows), side="right")
    return np.minimum(places, len(up_to) - 1)


def row_hashes(seed: int, column: str, rows: NDArray[np.int64]) -> Doubles:
    """A number in [0, 1) for each row: two rounds of MurmurHash3's 32-bit finalizer (Appleby, 2011) for each half."""
    # As for partition 0 of a topic, twice.
    start = np.array([_seed_for(seed, column)], np.uint32)
    for _ in range(2):
        start = _mix(start ^ np.uint32(0x9E3779B1))
    low, high = (part.astype(np.uint32) for part in (rows & _ALL, rows >> 32))
    first = _mix(start ^ low)
    second = _mix(first ^ ((high + np.uint32(1)) * np.uint32(0x85EBCA6B)) ^ np.uint32(0x5BD1E995))
    hashes: Doubles = ((first >> np.uint32(5)) * 2.0**26 + (second >> np.uint32(6))) / 2.0**53
    return hashes


def _mix(h: NDArray[np.uint32]) -> NDArray[np.uint32]:
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def _seed_for(seed: int, name: str) -> int:
    """FNV-1a over the name, from the seed."""
    state = (seed ^ 0x811C9DC5) & _ALL
    for byte in name.encode():
        state = (state ^ byte) * 0x01000193 & _ALL
    return state
