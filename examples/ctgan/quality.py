"""How like two tables are: their columns one by one, and in pairs.

    python examples/ctgan/quality.py report-*.json    # the reports of several seeds, as a table
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas


def quality(real: pandas.DataFrame, synthetic: pandas.DataFrame) -> dict[str, Any]:
    """Distances of a synthetic table from the real one, from 0 (alike) to 1; of correlations up to 2.

    - ks: Kolmogorov-Smirnov distance of each column of numbers, of the rows that are not null
    - tails: the larger difference of the 0.1 % and of the 99.9 % quantiles, in standard deviations of the real column
    - nulls: difference of the shares of nulls, of the same
    - tv: total variation distance of each column of categories, null among them
    - correlation: the largest and the mean difference of Pearson's correlation, over all pairs of columns of numbers
    """
    numbers = [name for name in real if real[name].dtype.kind in "iuf"]
    categories = [name for name in real if name not in numbers]
    differences = correlation_differences(real[numbers], synthetic[numbers])
    return {
        "ks": {name: ks(real[name], synthetic[name]) for name in numbers},
        "tails": {name: tail_difference(real[name], synthetic[name]) for name in numbers},
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


def tail_difference(real: pandas.Series, synthetic: pandas.Series) -> float:
    """The larger difference of the quantiles at 0.1 % and 99.9 %, in standard deviations of the real column."""
    a, b = (column.quantile([0.001, 0.999]).to_numpy(dtype=np.float64) for column in (real, synthetic))
    return float(np.nan_to_num(np.abs(a - b).max() / (real.std() or 1.0)))


def total_variation(a: pandas.Series, b: pandas.Series) -> float:
    """Half of the sum of the differences of all shares."""
    shares = [column.astype(str).where(column.notna(), "\0null").value_counts(normalize=True) for column in (a, b)]
    return float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)


def correlation_differences(a: pandas.DataFrame, b: pandas.DataFrame) -> np.ndarray:
    one, other = (frame.corr().fillna(0).to_numpy() for frame in (a, b))
    pairs = np.triu_indices(len(one), 1)
    return np.abs(one - other)[pairs]


def flat(report: dict[str, Any]) -> dict[str, float]:
    """The measures of one table by their names, as "ks of delay"."""
    return {f"{measure} of {name}": value for measure, by_name in report.items() for name, value in by_name.items()}


def table(reports: list[dict[str, Any]]) -> str:
    """Of each measure the mean over the reports, the least and the largest one, in Markdown."""
    kinds = [kind for kind in ("ours", "peer") if kind in reports[0]]
    lines = [" | ".join(["| measure", *kinds]) + " |", "|---" * (1 + len(kinds)) + "|"]
    for name in flat(reports[0][kinds[0]]):
        cells = []
        for kind in kinds:
            values = [flat(report[kind])[name] for report in reports]
            cells.append(f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
        lines.append(" | ".join([f"| {name}", *cells]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table([json.loads(Path(file).read_text()) for file in sys.argv[1:]]))
