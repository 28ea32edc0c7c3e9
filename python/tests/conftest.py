"""Small models that the tests share."""

from __future__ import annotations

from typing import Any

import pytest

from vgm_stream import Column, Model


def column_json(name: str = "delay", type: str = "int", **more: Any) -> dict[str, Any]:
    """A column of two modes, at -3.5 and 41.25."""
    return {
        "name": name,
        "type": type,
        "nullable": True,
        "rows": 990,
        "nulls": 10,
        "min": -60,
        "max": 1200,
        "decimals": 0,
        "weight": [0.7, 0.3],
        "mean": [-3.5, 41.25],
        "std": [6.5, 40.0],
        "offset": [-2.1, -4.9],
        "precision": [1 / 6.5**2, 0.000625],
        "lowerBound": -4.2,
        "iterations": 31,
        "converged": True,
        "histogram": {"edges": [-60, 0, 1200], "counts": [400, 590]},
        **more,
    }


@pytest.fixture
def column() -> Column:
    return Column(column_json())


@pytest.fixture
def model() -> Model:
    """Integers and prices."""
    price = column_json("price", "double", roundTo=2, nullable=False, decimals=2)
    return Model.of([Column(column_json()), Column(price)])
