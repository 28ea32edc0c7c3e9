"""The product's own results, which test/python/parity-data.ts writes, to the last bit."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from vgm_stream import Column
from vgm_stream.draws import row_hashes

FOLDER = os.environ.get("VGM_PARITY")
CASES = sorted(case for case in Path(FOLDER).iterdir() if case.is_dir()) if FOLDER else []

pytestmark = pytest.mark.skipif(not CASES, reason="npm test writes the values; VGM_PARITY names their folder")


def doubles(case: Path, name: str) -> np.ndarray:
    return np.fromfile(case / f"{name}.f64")


def modes(case: Path, name: str) -> np.ndarray:
    return np.fromfile(case / f"{name}.u8", dtype=np.uint8)


def differing(a: np.ndarray, b: np.ndarray) -> int:
    """How many doubles differ in a bit; NaN is NaN."""
    return int(np.count_nonzero((a.view(np.uint64) != b.view(np.uint64)) & ~(np.isnan(a) & np.isnan(b))))


@pytest.mark.filterwarnings("ignore:.*too far from every mode:RuntimeWarning")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestParity:
    def column(self, case: Path) -> Column:
        return Column(json.loads((case / "model.json").read_text()))

    def test_transform(self, case: Path) -> None:
        found = self.column(case).transform(doubles(case, "x"))
        assert np.count_nonzero(found.modes != modes(case, "mode")) == 0
        assert differing(found.values, doubles(case, "value")) == 0

    def test_inverse_transform(self, case: Path) -> None:
        value = doubles(case, "value")
        value[np.isnan(value)] = 0
        restored = self.column(case).inverse_transform(value, modes(case, "mode").astype(np.int16))
        assert differing(restored, doubles(case, "restored")) == 0

    def test_clip(self, case: Path) -> None:
        found = self.column(case).transform(doubles(case, "x"), clip=0.99)
        assert np.count_nonzero(found.modes != modes(case, "mode")) == 0
        assert differing(found.values, doubles(case, "clipped")) == 0

    def test_drawn_modes(self, case: Path) -> None:
        found = self.column(case).transform(doubles(case, "x"), uniforms=doubles(case, "uniform"))
        # An exponential may differ in its last bit, and a mode with it where the uniform number hits just there.
        assert np.count_nonzero(found.modes != modes(case, "drawn-mode")) <= len(found.modes) * 1e-6
        same = found.modes == modes(case, "drawn-mode")
        assert differing(found.values[same], doubles(case, "drawn-value")[same]) == 0

    def test_nulls_stay_null(self, case: Path) -> None:
        x = doubles(case, "x")[:1000]
        x[::3] = np.nan
        found = self.column(case).transform(x)
        assert (found.modes[::3] == -1).all() and np.isnan(found.values[::3]).all()
        others = np.arange(len(x)) % 3 > 0
        assert (found.modes[others] == modes(case, "mode")[:1000][others]).all()


def test_rare_categories_are_drawn_with_the_same_numbers() -> None:
    for case in json.loads((Path(str(FOLDER)) / "draws.json").read_text()):
        found = row_hashes(case["seed"], case["column"], np.array(case["rows"]))
        assert found.tolist() == case["hashes"]
