"""Numbers of a mixture by their scores, and of bins by how they are filled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .values import Doubles

LEAST_TAIL = 1e-7
"""Scores are cut where one row in ten million is beyond, as scikit-learn's QuantileTransformer cuts them."""

_FARTHEST = 37.0
_MOST_STEPS = 2_200
_ABOVE = (
    *(0.0352624965998911, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871),
    *(221.213596169931, 220.206867912376),
)
_BELOW = (
    *(0.0883883476483184, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674),
    *(637.333633378831, 793.826512519948, 440.413735824752),
)


def normal_tail(z: Doubles) -> Doubles:
    """What the standard normal distribution holds above z >= 0, within 3e-9 of it (Hart et al., 1968, no. 5666)."""
    exponential = np.exp(-z * z / 2)
    near = np.minimum(z, 8.0)
    far = np.maximum(z, 1.0)
    fraction = far
    for step in range(8, 0, -1):
        fraction = far + step / fraction
    tail: Doubles = exponential * np.where(
        z < 10 / np.sqrt(2.0), np.polyval(_ABOVE, near) / np.polyval(_BELOW, near), 1 / (fraction * np.sqrt(2 * np.pi))
    )
    return tail


def numbers_of_scores(scores: ArrayLike, distribution: str, weight: ArrayLike, mean: ArrayLike, std: ArrayLike) -> Doubles:
    """The numbers below which the mixture has the share of rows that each score says."""
    score = np.asarray(scores, dtype=np.float64)
    if distribution == "uniform":
        share = np.clip(score, LEAST_TAIL, 1 - LEAST_TAIL)
        is_low = share < 0.5
        tail = np.where(is_low, share, 1 - share)
    else:
        is_low = score < 0
        tail = normal_tail(np.minimum(np.abs(score), _FARTHEST))
    mixture = _Mixture(np.asarray(weight, np.float64), np.asarray(mean, np.float64), np.asarray(std, np.float64))
    return mixture.numbers(tail, is_low)


class _Mixture:
    def __init__(self, weight: Doubles, mean: Doubles, std: Doubles) -> None:
        self._share = weight / weight.sum()
        self._mean = mean
        self._std = std

    def numbers(self, tail: Doubles, is_low: NDArray[np.bool_]) -> Doubles:
        """The x that has so much of the mixture below it, or above it."""
        low = np.full(tail.shape, float((self._mean - 40 * self._std).min()))
        high = np.full(tail.shape, float((self._mean + 40 * self._std).max()))
        x = low / 2 + high / 2
        left = np.arange(tail.size)
        with np.errstate(all="ignore"):
            for _ in range(_MOST_STEPS):
                if left.size == 0:
                    break
                at, below = x[left], is_low[left]
                mass, density = self._mass(at, below)
                # In logarithms a tail is nearly straight.
                distance = np.where(below, np.log(mass / tail[left]), np.log(tail[left] / mass))
                high[left] = np.where(distance > 0, at, high[left])
                low[left] = np.where(distance > 0, low[left], at)
                newton = at - distance * (mass / density)
                within = (newton > low[left]) & (newton < high[left])
                following = np.where(within, newton, low[left] / 2 + high[left] / 2)
                is_done = (np.abs(distance) < 2.0**-48) | (following == at)
                x[left] = np.where(np.abs(distance) < 2.0**-48, at, following)
                left = left[~is_done]
        return x

    def _mass(self, x: Doubles, is_low: NDArray[np.bool_]) -> tuple[Doubles, Doubles]:
        z = (x[:, None] - self._mean) / self._std
        tail = self._share * normal_tail(np.abs(z))
        mass = np.where((z < 0) == is_low[:, None], tail, self._share - tail).sum(axis=1)
        density = (self._share / self._std * np.exp(-z * z / 2)).sum(axis=1) / np.sqrt(2 * np.pi)
        return mass, density


def numbers_of_bins(bins: NDArray[Any], edges: ArrayLike) -> Doubles:
    """The numbers of rows of bins, which add up to a place among them."""
    edge = np.asarray(edges, dtype=np.float64)
    filled = np.array(bins, dtype=np.float64)
    last = filled.shape[1] - 1
    np.minimum(filled[:, :last], 1.0, out=filled[:, :last])
    np.maximum(filled[:, 1:], 0.0, out=filled[:, 1:])
    place = filled.sum(axis=1)
    bin_ = np.clip(np.floor(place), 0, last).astype(np.int64)
    numbers: Doubles = edge[bin_] + (place - bin_) * (edge[bin_ + 1] - edge[bin_])
    return numbers
