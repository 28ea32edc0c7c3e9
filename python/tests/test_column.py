from __future__ import annotations

import math
import pickle
import warnings
from decimal import Decimal

import numpy as np
import pytest
from conftest import column_json

from vgm_stream import Column, ModelError, ValuesError


def test_a_number_becomes_its_mode_and_its_place_in_it(column: Column) -> None:
    values, modes = column.transform([-3, 100])
    assert modes.tolist() == [0, 1]
    assert values.tolist() == [0.5 / 26, 58.75 / 160]
    assert column.inverse_transform(values, modes).tolist() == [-3, 100]


def test_nulls_of_all_kinds_of_columns(column: Column) -> None:
    expected = [0, -1, 1]
    kinds: list[object] = [
        [1, None, 300],
        [1.0, math.nan, 300.0],
        np.array([1, np.nan, 300]),
        np.ma.masked_array([1, 7, 300], [False, True, False]),
        np.ma.masked_array([1, np.inf, 300], [False, True, False]),
        [Decimal(1), None, Decimal(300)],
    ]
    pandas = pytest.importorskip("pandas")
    kinds += [
        pandas.Series([1, None, 300]),
        pandas.Series([1, None, 300], dtype="Int64"),
        pandas.Series([1, None, 300], dtype="Float32"),
        pandas.Series([1, None, 300], dtype=object),
    ]
    pyarrow = pytest.importorskip("pyarrow")
    kinds += [
        pyarrow.array([1, None, 300]),
        pyarrow.chunked_array([[1, None], [300]]),
        pandas.Series([1, None, 300], dtype=pandas.ArrowDtype(pyarrow.int32())),
    ]
    for kind in kinds:
        values, modes = column.transform(kind)
        assert modes.tolist() == expected, kind
        assert np.isnan(values).tolist() == [False, True, False], kind
    assert np.isnan(column.inverse_transform(values, modes)).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([1, math.inf], 'Row 1 of column "delay" is infinite'),
        ([1, 1.5], "1.5: the column has integers"),
        ([2.0**49], "integers stay below 2.49"),
        ([2**60], "Row 0"),
        (["1", "x"], "of type <U1"),
        (["1", None], "is '1'"),
        ([True, False], "of type bool"),
        ([True, None], "is True"),
        ([[1], [2]], "2 dimensions"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "datetime64"),
        (np.array([1], dtype=np.longdouble), "float128|longdouble|of type"),
    ],
)
def test_what_is_no_number_of_the_column_is_refused(column: Column, values: object, problem: str) -> None:
    with pytest.raises(ValuesError, match=problem):
        column.transform(values)


def test_a_null_in_a_column_that_has_none_is_refused() -> None:
    column = Column(column_json(nullable=False))
    with pytest.raises(ValuesError, match="Row 1 .* is null or NaN.*not nullable"):
        column.transform([1, None])


def test_large_integers_of_a_column_of_doubles_are_refused_where_doubles_end() -> None:
    column = Column(column_json(type="double"))
    assert column.transform(np.array([2**53 - 1])).modes.tolist() == [1]
    for values in (np.array([2**53 + 1]), [2**53 + 1, None]):
        with pytest.raises(ValuesError, match="2.53"):
            column.transform(values)


def test_a_number_beyond_all_modes_is_nan_and_a_warning() -> None:
    column = Column(column_json(type="double", mean=[0, 1], std=[1e-8, 1e-8], precision=[1e16, 1e16]))
    with pytest.warns(RuntimeWarning, match='1 numbers of column "delay" are too far'):
        values, modes = column.transform([0.5, 1e302])
    assert np.isnan(values).tolist() == [False, True]
    assert modes[1] >= 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert column.transform([1e302], clip=0.99).values.tolist() == [0.99]


def test_restored_numbers_are_rounded() -> None:
    assert Column(column_json()).inverse_transform([0.0172], [0]).tolist() == [-3.0]
    price = Column(column_json(type="double", roundTo=2))
    assert price.inverse_transform([0.0172], [0]).tolist() == [-3.05]
    single = Column(column_json(type="float"))
    (restored,) = single.inverse_transform([0.0172], [0])
    assert restored == np.float32(restored)


def test_what_cannot_be_restored_is_refused(column: Column) -> None:
    for values, modes, problem in [
        ([0.1], [2], "mode of row 0 is 2, .* has 2 modes"),
        ([math.nan], [0], "value of row 0 .* is nan"),
        ([0.1, 0.2], [0], "shape"),
        ([0.1], [0.5], "type float64"),
    ]:
        with pytest.raises(ValuesError, match=problem):
            column.inverse_transform(values, modes)


@pytest.mark.parametrize("type_", ["int", "long", "float", "double"])
def test_a_number_that_the_type_cannot_hold_is_refused(type_: str) -> None:
    with pytest.raises(ValuesError, match=f'Row 1 of column "delay" would be .*, which the type {type_} cannot hold'):
        Column(column_json(type=type_)).inverse_transform([0.0, 1e308], [0, 1])


def test_no_rows(column: Column) -> None:
    values, modes = column.transform([])
    assert len(values) == len(modes) == 0
    assert len(column.inverse_transform(values, modes)) == 0


def test_responsibilities_sum_to_one(column: Column) -> None:
    share = column.responsibilities([-3, 20, 1200, 1e5])
    assert np.allclose(share.sum(axis=1), 1)
    assert share.argmax(axis=1).tolist() == column.transform([-3, 20, 1200, 100_000]).modes.tolist()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"mean": [1, 0]}, "means do not ascend"),
        ({"mean": [1]}, "different lengths"),
        ({"std": [0, 1]}, "std is not above 0"),
        ({"precision": [1, 1]}, r"precision\[0\] is 1"),
        ({"offset": [math.nan, 1]}, r"offset\[0\] is nan"),
        ({"weight": [0.9, 0.9]}, "weights sum to 1.8"),
        ({"type": "string"}, "type is 'string'"),
        ({"roundTo": 2}, "roundTo is 2, and its type is int"),
        ({"rows": None}, "rows is None"),
        ({"min": 5000}, "min is 5000"),
        ({"histogram": {"edges": [1], "counts": []}}, "histogram has 1 edges"),
        ({"mood": 1}, "there is no mood"),
    ],
)
def test_what_is_no_model_is_refused(change: dict[str, object], problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        Column({**column_json(), **change})


def test_columns_and_errors_can_be_pickled(column: Column) -> None:
    assert pickle.loads(pickle.dumps(column)) == column
    with pytest.raises(ValuesError) as raised:
        column.transform([1.5])
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
