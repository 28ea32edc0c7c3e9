from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from conftest import column_json

from vgm_stream import Column, Model, ModelError


def test_a_model_is_a_mapping_of_its_columns(model: Model) -> None:
    assert list(model) == ["delay", "price"]
    assert "delay" in model and "x" not in model
    assert model["price"].round_to == 2
    assert model.version is None


def test_a_file_comes_back_as_it_is(model: Model, tmp_path: Path) -> None:
    model.write(tmp_path / "m.json")
    again = Model.read(tmp_path / "m.json")
    assert again.to_json() == model.to_json()
    assert dict(again) == dict(model)


def test_minus_zero_comes_back() -> None:
    column = Column(column_json(type="double", mean=[-0.0, 41.25]))
    text = Model.of([column]).to_json()
    assert math.copysign(1, Model.from_json(text)["delay"].mean[0]) == -1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ("{}", 'needs "recipe"'),
        (json.dumps({"recipe": "scaled", "options": {}, "seed": 0, "lineage": {}, "columns": []}), "no columns"),
    ],
)
def test_what_is_no_model_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        Model.from_json(text)
