from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from vgm_stream.quantiles import normal_tail, numbers_of_bins, numbers_of_scores

CHECKOUT = Path(os.environ.get("VGM_CHECKOUT", Path(__file__).parents[2]))
TABLES = json.loads((CHECKOUT / "test/fixtures/quantile/quantile-scores.json").read_text())


def test_tails_are_those_of_the_standard_library() -> None:
    from math import erfc

    z = np.linspace(0, 37, 1_000)
    expected = np.array([erfc(x / 2**0.5) / 2 for x in z])
    np.testing.assert_allclose(normal_tail(z), expected, rtol=4e-9)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["name"])
@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_numbers_come_back_from_the_scores_that_scipy_gives(table: dict[str, list[float]], distribution: str) -> None:
    mixture = [table[name] for name in ("weight", "mean", "std")]
    normal = np.array(table["normal"])
    # Between far modes any number has the score, and float64 has fewer digits of a share near 1.
    clear = np.abs(normal) < 4
    x = np.array(table["x"])
    found = numbers_of_scores(table[distribution], distribution, *mixture)
    again = np.interp(found, x, normal)
    np.testing.assert_allclose(again[clear], normal[clear], atol=1e-6)
    assert np.isfinite(numbers_of_scores([-99.0, 0.0, 1.0, 99.0], distribution, *mixture)).all()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["name"])
def test_numbers_come_back_from_bins(table: dict[str, list[float]]) -> None:
    ple = np.array(table["ple"], dtype=np.float32)
    np.testing.assert_allclose(numbers_of_bins(ple, table["edges"]), table["x"], rtol=1e-5, atol=1e-4)


def test_bins_add_up_to_a_place() -> None:
    rows = np.array([[1, 0.5, 0], [0.9, 0.6, 0], [-0.5, 0, 0], [1, 1, 1.5], [1, 7, 0], [5, 0.5, 0]])
    assert np.allclose(numbers_of_bins(rows, [0, 1, 3, 7]), [2, 2, -0.5, 9, 3, 2])


def test_a_constant_stays_one() -> None:
    assert numbers_of_bins(np.array([[0.0], [0.1], [-7.0], [1e30]]), [7.5, 7.5]).tolist() == [7.5] * 4
