"""How like two tables are: their columns one by one, and in pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas


def quality(real: pandas.DataFrame, synthetic: pandas.DataFrame) -> dict[str, Any]:
    """Distances of a synthetic table from the real one, from 0 (alike) to 1; of correlations up to 2.

    - ks: Kolmogorov-Smirnov distance of each column of numbers, of the rows that are not null
    - nulls: difference of the shares of nulls, of the same
    - tv: total variation distance of each column of categories, null among them
    - correlation: the largest and the mean difference of Pearson's correlation, over all pairs of columns of numbers
    """
    numbers = [name for name in real if real[name].dtype.kind in "iuf"]
    categories = [name for name in real if name not in numbers]
    differences = correlation_differences(real[numbers], synthetic[numbers])
    return {
        "ks": {name: ks(real[name], synthetic[name]) for name in numbers},
        "nulls": {name: abs(float(real[name].isna().mean() - synthetic[name].isna().mean())) for name in numbers},
        "tv": {name: total_variation(real[name], synthetic[name]) for name in categories},
        "correlation": {
            "largest": float(max(differences, default=0.0)),
            "mean": float(np.mean(differences)) if len(differences) > 0 else 0.0,
        },
    }


def ks(a: pandas.Series, b: pandas.Series) -> float:
    """The largest difference of the two empirical distribution functions."""
    x, y = (np.sort(column.dropna().to_numpy(dtype=np.float64)) for column in (a, b))
    if len(x) == 0 or len(y) == 0:
        return float(len(x) != len(y))
    at = np.concatenate([x, y])
    return float(np.abs(np.searchsorted(x, at, "right") / len(x) - np.searchsorted(y, at, "right") / len(y)).max())


def total_variation(a: pandas.Series, b: pandas.Series) -> float:
    """Half of the sum of the differences of all shares."""
    shares = [column.astype(str).where(column.notna(), "\0null").value_counts(normalize=True) for column in (a, b)]
    return float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)


def correlation_differences(a: pandas.DataFrame, b: pandas.DataFrame) -> np.ndarray:
    one, other = (frame.corr().fillna(0).to_numpy() for frame in (a, b))
    pairs = np.triu_indices(len(one), 1)
    return np.abs(one - other)[pairs]
