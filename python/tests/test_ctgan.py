from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vgm_stream import MatrixError, Model, VgmTransformer, fit_ctgan, sample_matrix

TABLE = {
    "delay": [i % 300 - 50 for i in range(600)],
    "price": [i % 77 / 4 for i in range(600)],
    "origin": [["a", "b"][i % 2] for i in range(600)],
}


class DataTransformer:
    """What a synthesizer would fit by itself."""

    def fit(self, *_: Any) -> None:
        raise AssertionError("it is not to be used")


def random_state(function: Any) -> Any:
    """As ctgan wraps its functions: their own names are lost."""

    def wrapper(*args: Any, **options: Any) -> Any:
        return function(*args, **options)

    return wrapper


class StandIn:
    """Uses a transformer as CTGAN does, and gives back rows that it has seen."""

    @random_state
    def fit(self, train_data: Any, discrete_columns: Any = ()) -> None:
        self._transformer: Any = DataTransformer()
        self._transformer.fit(train_data, discrete_columns)
        self.seen = self._transformer.transform(train_data)
        self.width = self._transformer.output_dimensions
        self.info = self._transformer.output_info_list

    def sample(self, rows: int) -> Any:
        return self._transformer.inverse_transform(self.seen[:rows])


def test_a_synthesizer_trains_on_the_matrix_as_it_is(model: Model) -> None:
    transformer = VgmTransformer(model).fit(TABLE, ["origin"])
    matrix = transformer.transform(TABLE)
    synthesizer = fit_ctgan(StandIn(), matrix, transformer)
    assert synthesizer.seen is matrix
    assert synthesizer.info == transformer.output_info_list and synthesizer.width == matrix.shape[1]
    assert list(synthesizer.sample(3)["origin"]) == ["a", "b", "a"]
    assert synthesizer._transformer is transformer
    assert np.array_equal(sample_matrix(synthesizer, 3), matrix[:3])
    assert synthesizer._transformer is transformer
    with pytest.raises(MatrixError, match="StandIn has no transformer of ours"):
        sample_matrix(StandIn(), 3)
    with pytest.raises(AssertionError, match="not to be used"):
        StandIn().fit(matrix)


def test_the_name_comes_back_when_a_training_fails(model: Model) -> None:
    class Failing(StandIn):
        def fit(self, *_: Any) -> None:
            assert DataTransformer() is not None
            raise RuntimeError("no memory")

    transformer = VgmTransformer(model).fit(TABLE, ["origin"])
    before = DataTransformer
    with pytest.raises(RuntimeError, match="no memory"):
        fit_ctgan(Failing(), transformer.transform(TABLE), transformer)
    assert globals()["DataTransformer"] is before


def test_what_cannot_be_trained_on_is_refused(model: Model) -> None:
    transformer = VgmTransformer(model).fit(TABLE, ["origin"])
    with pytest.raises(MatrixError, match=r"not \(rows, 8\)"):
        fit_ctgan(StandIn(), np.zeros((3, 7), np.float32), transformer)

    Other = type("Other", (), {"fit": lambda self: None, "__module__": "json"})
    with pytest.raises(MatrixError, match="Other makes its transformer in another way"):
        fit_ctgan(Other(), transformer.transform(TABLE), transformer)


@pytest.mark.parametrize("kind", ["CTGAN", "TVAE"])
def test_ctgan_itself(model: Model, kind: str) -> None:
    ctgan = pytest.importorskip("ctgan")
    transformer = VgmTransformer(model).fit(TABLE, ["origin"])
    matrix = transformer.transform(TABLE)
    synthesizer = fit_ctgan(getattr(ctgan, kind)(epochs=1, batch_size=100, enable_gpu=False), matrix, transformer)
    rows = synthesizer.sample(50)
    assert list(rows.columns) == ["delay", "price", "origin"] and len(rows) == 50
    assert rows["delay"].dtype.kind == "i" and set(rows["origin"]) <= {"a", "b"}
    sampled = sample_matrix(synthesizer, 50)
    assert sampled.shape == (50, matrix.shape[1]) and sampled.dtype == np.float32
    assert list(transformer.inverse_transform(sampled).columns) == list(rows.columns)
