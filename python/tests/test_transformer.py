from __future__ import annotations

import json
import pickle
from datetime import date, datetime, time

import numpy as np
import pytest
from conftest import column_json

from vgm_stream import Column, MatrixError, Model, ModelError, Spans, ValuesError, VgmTransformer
from vgm_stream.times import integers_of

TABLE = {
    "delay": [1, None, 300, 6],
    "price": [0.5, 1.25, 2.0, 7.1],
    "origin": ["a", "b", None, "a"],
}


def fitted(model: Model) -> VgmTransformer:
    return VgmTransformer(model, clip=None).fit(TABLE, ["origin"])


def test_the_layout_is_that_of_ctgan(model: Model) -> None:
    transformer = fitted(model)
    assert transformer.output_info_list == [
        [(1, "tanh"), (2, "softmax")],
        [(2, "softmax")],
        [(1, "tanh"), (2, "softmax")],
        [(3, "softmax")],
    ]
    assert transformer.output_dimensions == 11
    matrix = transformer.transform(TABLE)
    assert matrix.shape == (4, 11) and matrix.dtype == np.float32
    # One-hot everywhere but in the values.
    for start, width in ((1, 2), (3, 2), (6, 2), (8, 3)):
        assert (matrix[:, start : start + width].sum(axis=1) == 1).all()
    assert matrix[:, 4].tolist() == [0, 1, 0, 0]
    values, modes = model["delay"].transform(TABLE["delay"])
    present = modes >= 0
    assert matrix[present, 0].tolist() == values[present].astype(np.float32).tolist()
    assert matrix[present, 1:3].argmax(axis=1).tolist() == modes[present].tolist()


def test_tables_come_back(model: Model) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "delay": pandas.array([1, None, 300, 6], dtype="Int64"),
            "price": [0.5, 1.25, 2.0, 7.1],
            "code": np.array([7, 7, 9, 7], dtype=np.int16),
            "origin": ["a", "b", None, "a"],
            "late": [True, False, True, True],
        }
    )
    transformer = VgmTransformer(model, clip=None).fit(frame, ["origin", "code", "late"])
    back = transformer.inverse_transform(transformer.transform(frame))
    pandas.testing.assert_frame_equal(back, frame)


def test_arrays_have_columns_by_number() -> None:
    model = Model.of([Column(column_json("0", nullable=False)), Column(column_json("1", "double", nullable=False))])
    rows = np.array([[1, 2.5, 7], [300, -4.0, 8], [5, 40.0, 7]])
    transformer = VgmTransformer(model, clip=None).fit(rows, [2])
    back = transformer.inverse_transform(transformer.transform(rows))
    assert isinstance(back, np.ndarray)
    np.testing.assert_allclose(back, rows, rtol=1e-6)


def test_a_modelled_column_may_be_discrete(model: Model) -> None:
    table = {"delay": [1, 300, 1], "price": [1.0, 2.0, 3.0]}
    transformer = VgmTransformer(model).fit(table, ["delay"])
    assert transformer.output_info_list[0] == [(2, "softmax")]
    back = transformer.inverse_transform(transformer.transform(table))
    assert list(back["delay"]) == [1, 300, 1]


def test_noise_is_that_of_the_global_generator(model: Model) -> None:
    transformer = fitted(model)
    matrix = transformer.transform(TABLE)
    sigmas = np.full(11, 0.01)
    np.random.seed(3)
    first = transformer.inverse_transform(matrix, sigmas)
    np.random.seed(3)
    again = transformer.inverse_transform(matrix, sigmas)
    assert np.array_equal(np.asarray(first["price"]), np.asarray(again["price"]))
    assert not np.array_equal(np.asarray(first["price"]), np.array(TABLE["price"]))


def test_drawn_modes_follow_the_seed(model: Model) -> None:
    table = {"price": np.full(2_000, 15.0)}
    one, same, other = (
        VgmTransformer(model, mode_choice="sample", seed=seed).fit(table).transform(table) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    share = model["price"].responsibilities([15.0])[0, 0]
    assert abs(one[:, 1].mean() - share) < 0.05


def test_cut_values(model: Model) -> None:
    table = {"price": [-60.0, 1200.0]}
    assert np.abs(VgmTransformer(model).fit(table).transform(table)[:, 0]).max() == np.float32(0.99)
    assert np.abs(VgmTransformer(model, clip=None).fit(table).transform(table)[:, 0]).max() > 7


def test_ctgan_finds_the_places_of_categories(model: Model) -> None:
    transformer = VgmTransformer(model).fit({**TABLE, "to": ["x", "y", "x", "z"]}, ["origin", "to"])
    found = transformer.convert_column_name_value_to_id("to", "z")
    assert found == {"discrete_column_id": 2, "column_id": 4, "value_id": 2}
    with pytest.raises(ValuesError, match='no discrete column "delay"'):
        transformer.convert_column_name_value_to_id("delay", 1)
    with pytest.raises(ValuesError, match="'q', and no row was"):
        transformer.convert_column_name_value_to_id("to", "q")


def test_what_was_not_fitted_is_refused(model: Model) -> None:
    transformer = fitted(model)
    for change, problem in [
        ({"origin": ["a", "b", "c", "a"]}, "Row 2 .* is 'c', and no row was"),
        ({"price": [1, None, 2, 3]}, "Row 1 .* is null"),
    ]:
        with pytest.raises(ValuesError, match=problem):
            transformer.transform({**TABLE, **change})
    with pytest.raises(ValuesError, match='no column "origin"'):
        transformer.transform({"delay": [1], "price": [1.0]})
    with pytest.raises(MatrixError, match=r"not \(rows, 11\)"):
        transformer.inverse_transform(np.zeros((1, 10)))
    without = VgmTransformer(model).fit({"delay": [1, 2], "price": [1.0, 2.0]})
    with pytest.raises(ValuesError, match="Row 1 .* is null, and no row was"):
        without.transform({"delay": [1, None], "price": [1.0, 2.0]})


def test_columns_that_nobody_knows_are_refused(model: Model) -> None:
    with pytest.raises(ValuesError, match='"origin" is neither in the model nor discrete'):
        VgmTransformer(model).fit(TABLE)
    with pytest.raises(ValuesError, match='no column "destination"'):
        VgmTransformer(model).fit(TABLE, ["origin", "destination"])


def test_a_number_that_32_bits_cannot_hold_is_refused() -> None:
    narrow = column_json("x", "double", mean=[0.0, 1.0], std=[1e-30, 1e-30], precision=[1e60, 1e60])
    model = Model.of([Column(narrow)])
    transformer = VgmTransformer(model, clip=None).fit({"x": [0.0, 1.0]})
    with pytest.raises(ValuesError, match="Row 1 .* too far from its mode for 32 bits.*clip"):
        transformer.transform({"x": [0.0, 1e12]})


def test_all_nulls_and_constants(model: Model) -> None:
    table = {"delay": [None, None, None], "price": [5.0, 5.0, 5.0], "origin": ["a", "a", "a"]}
    transformer = VgmTransformer(model).fit(table, ["origin"])
    back = transformer.inverse_transform(transformer.transform(table))
    assert np.isnan(np.asarray(back["delay"], dtype=float)).all()
    assert list(back["price"]) == [5.0] * 3 and list(back["origin"]) == ["a"] * 3


def test_without_a_fit_or_a_model(model: Model) -> None:
    with pytest.raises(MatrixError, match="not fitted"):
        VgmTransformer(model).transform(TABLE)
    with pytest.raises(ModelError, match="no model"):
        VgmTransformer(None).fit(TABLE)


def test_it_can_be_pickled(model: Model) -> None:
    transformer = fitted(model)
    again = pickle.loads(pickle.dumps(transformer))
    assert np.array_equal(again.transform(TABLE), transformer.transform(TABLE))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("at", "column", "kind"), [(0, "delay", "value"), (2, "delay", "mode"), (9, "origin", "category")])
def test_a_generated_matrix_has_finite_numbers_only(model: Model, bad: float, at: int, column: str, kind: str) -> None:
    transformer = fitted(model)
    matrix = transformer.transform(TABLE)
    matrix[2, at] = bad
    with pytest.raises(MatrixError, match=f'Row 2 of column "{column}" is {bad!r} in column {at} of the matrix \\({kind}\\)'):
        transformer.inverse_transform(matrix)


@pytest.mark.parametrize("kind", ["quantile", "ple"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_and_bins_are_finite(kind: str, bad: float) -> None:
    transformer = VgmTransformer.from_spans(Spans.from_json(coded_spans_json(kind)))
    with pytest.raises(MatrixError, match='Row 1 of column "delay" is .* in column 0 of the matrix'):
        transformer.inverse_transform(np.array([[0.1, 0.0], [bad, 0.0]]))


def test_a_number_that_its_column_cannot_hold_is_refused() -> None:
    values = VgmTransformer.from_spans(Spans.from_json(spans_json()))
    bins = VgmTransformer.from_spans(Spans.from_json(coded_spans_json("ple")))
    rows = [[0.1, 1, 0, 1, 0, 0, 1, 0], [1e9, 0, 1, 1, 0, 0, 0, 1]]
    for transformer, matrix in ((values, rows), (bins, [[0.1, 0.0], [1.0, 1e300]])):
        with pytest.raises(ValuesError, match='Row 1 of column "delay" would be .*, which the type int cannot hold'):
            transformer.inverse_transform(matrix)


def test_what_is_out_of_reach_in_a_null_row_does_not_count() -> None:
    transformer = VgmTransformer.from_spans(Spans.from_json(spans_json()))
    back = transformer.inverse_transform(np.array([[1e300, 1, 0, 0, 1, 0, 1, 0]]))
    assert np.isnan(np.asarray(back["delay"], dtype=float)).all()


def test_what_is_no_matrix_of_numbers_is_refused(model: Model) -> None:
    for data in ([["1"] * 11], np.full((2, 11), None), [[0] * 11, [0]], np.zeros(11)):
        with pytest.raises(MatrixError):
            fitted(model).inverse_transform(data)


def coded_spans_json(kind: str) -> dict[str, object]:
    """As vgm export --as quantile and ple write it, of an integer, and of a second one."""
    mixture = {"weight": [0.7, 0.3], "mean": [-3.5, 41.25], "std": [6.5, 40]}
    coded: dict[str, object] = (
        {"kind": "score", "activation": "linear", "distribution": "normal", **mixture}
        if kind == "quantile"
        else {"kind": "bins", "activation": "linear", "edges": [0, 10, 20]}
    )
    width = 1 if kind == "quantile" else 2
    names = ["delay", "late"][: 2 // width]
    return spans_json(
        **{"as": kind, "width": 2, "fileWidth": 2},
        spans=[
            {"column": name, "start": i, "width": width, "fileStart": i, "fileWidth": width, **coded}
            for i, name in enumerate(names)
        ],
        columns=[
            {"name": name, "kind": "continuous", "type": "int", "start": i, "width": width, "nulls": 0}
            for i, name in enumerate(names)
        ],
    )


def spans_json(**more: object) -> dict[str, object]:
    """As vgm export --as ctgan writes it, of an integer with nulls and of categories with rare ones."""
    return {
        "formatVersion": 1,
        "as": "ctgan",
        "dataset": "trips",
        "topic": "trips.normalized",
        "model": {"version": 3, "contentSha256": "ab"},
        "file": "m.npy",
        "fileFormat": "npy",
        "encoding": "one-hot",
        "rows": 2,
        "width": 8,
        "fileWidth": 8,
        "clip": None,
        "spans": [
            {"column": "delay", "kind": "value", "start": 0, "width": 1, "activation": "tanh", "fileStart": 0, "fileWidth": 1},
            {
                **{"column": "delay", "kind": "mode", "start": 1, "width": 2, "activation": "softmax"},
                **{"fileStart": 1, "fileWidth": 2, "mean": [-3.5, 41.25], "std": [6.5, 40]},
            },
            {"column": "delay", "kind": "null", "start": 3, "width": 2, "activation": "softmax", "fileStart": 3, "fileWidth": 2},
            {
                **{"column": "origin", "kind": "category", "start": 5, "width": 3, "activation": "softmax"},
                **{"fileStart": 5, "fileWidth": 3, "categories": ["a", "b"], "rareAt": 2},
            },
        ],
        "columns": [
            {"name": "delay", "kind": "continuous", "type": "int", "start": 0, "width": 5, "nulls": 1, "fill": -3.0},
            {
                **{"name": "origin", "kind": "discrete", "type": "string", "start": 5, "width": 3, "nulls": 0},
                "rare": {"categories": ["y", "z"], "counts": [1, 1]},
            },
        ],
        "leftOut": [],
        "rawSchema": "{}",
        **more,
    }


def test_the_spans_of_an_export_are_enough_to_restore(model: Model) -> None:
    transformer = VgmTransformer.from_spans(Spans.from_json(spans_json()))
    assert transformer.output_info_list == [[(1, "tanh"), (2, "softmax")], [(2, "softmax")], [(3, "softmax")]]
    matrix = np.array([[0.5 / 26, 1, 0, 1, 0, 0, 1, 0], [0, 1, 0, 0, 1, 0, 0, 1]], dtype=np.float32)
    back = transformer.inverse_transform(matrix)
    assert np.asarray(back["delay"], dtype=float)[0] == -3
    assert np.isnan(np.asarray(back["delay"], dtype=float)[1])
    assert back["origin"][0] == "b" and back["origin"][1] in ("y", "z")


def schema(**fields: object) -> str:
    return json.dumps({"type": "record", "name": "Row", "fields": [{"name": n, "type": t} for n, t in fields.items()]})


@pytest.mark.parametrize(
    ("logical", "categories", "expected"),
    [
        ("date", [0, -1], ["1970-01-01", "1969-12-31"]),
        ("timestamp-millis", [1_500, -1], ["1970-01-01T00:00:01.500", "1969-12-31T23:59:59.999"]),
        ("local-timestamp-micros", [7, 0], ["1970-01-01T00:00:00.000007", "1970-01-01T00:00:00"]),
        ("timestamp-nanos", [7, 0], ["1970-01-01T00:00:00.000000007", "1970-01-01T00:00:00"]),
        ("time-millis", [3_600_000, 1], [np.timedelta64(1, "h"), np.timedelta64(1, "ms")]),
    ],
)
def test_dates_and_times_come_back_and_are_taken(logical: str, categories: list[int], expected: list[object]) -> None:
    spans = spans_json(rawSchema=schema(delay=["null", "int"], origin=["null", {"type": "long", "logicalType": logical}]))
    spans["spans"][3].update(categories=categories, nullAt=2, rareAt=None)  # type: ignore[index]
    spans["columns"][1].update(type="long", rare={"categories": [], "counts": []})  # type: ignore[index]
    model = Model.of([Column(column_json())])
    transformer = VgmTransformer.from_spans(Spans.from_json(spans), model)
    matrix = np.array([[0, 1, 0, 1, 0, *hot] for hot in ([1, 0, 0], [0, 1, 0], [0, 0, 1])], np.float32)
    back = transformer.inverse_transform(matrix)
    times = np.asarray(back["origin"])
    assert times.dtype.kind == ("m" if logical.startswith("time-") else "M") and np.isnat(times[2])
    assert times[:2].tolist() == np.array(expected, times.dtype).tolist()
    assert np.array_equal(transformer.transform(back)[:, 5:], matrix[:, 5:])


def test_a_date_that_is_modelled_comes_back() -> None:
    spans = Spans.from_json(spans_json(rawSchema=schema(delay=["null", {"type": "int", "logicalType": "date"}])))
    matrix = np.array([[0.5 / 26, 1, 0, 1, 0, 0, 1, 0], [0, 1, 0, 0, 1, 0, 1, 0]], dtype=np.float32)
    days = np.asarray(VgmTransformer.from_spans(spans).inverse_transform(matrix)["delay"])
    assert days[0] == np.datetime64("1969-12-29") and np.isnat(days[1])


@pytest.mark.parametrize("kind", ["python", "pandas", "zoned", "pyarrow", "numbers"])
def test_times_of_all_kinds_of_columns(kind: str) -> None:
    when = [datetime(2001, 1, 2, 20, 43, 0, 500_000), None]
    expected = np.ma.MaskedArray([978_468_180_500, 0], [False, True])
    values: object = when
    if kind == "numbers":
        values = expected
    elif kind == "pyarrow":
        values = pytest.importorskip("pyarrow").array(when)
    elif kind != "python":
        values = pytest.importorskip("pandas").Series(when)
        if kind == "zoned":
            values = values.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")  # type: ignore[attr-defined]
    found = integers_of(values, "timestamp-millis")
    assert found.tolist() == expected.tolist()
    assert integers_of([time(1, 0, 0, 7)], "time-micros").tolist() == [3_600_000_007]
    assert integers_of([date(1970, 1, 3)], "date").tolist() == [2]
    assert integers_of(["a"], "date") == ["a"]


def test_rare_categories_follow_the_seed_of_the_transformer() -> None:
    spans = spans_json()
    spans["columns"][1]["rare"] = {"categories": ["y", "z"], "counts": [3, 1]}  # type: ignore[index]
    matrix = np.tile(np.array([0, 1, 0, 1, 0, 0, 0, 1], np.float32), (20_000, 1))
    described = Spans.from_json(spans)
    first, same, other = (
        np.asarray(VgmTransformer.from_spans(described, seed=seed).inverse_transform(matrix)["origin"]) for seed in (0, 0, 1)
    )
    again = VgmTransformer.from_spans(described).inverse_transform(matrix[7_000:], first_row=7_000)
    assert (first[7_000:] == np.asarray(again["origin"])).all()
    assert (first == same).all() and not (first == other).all()
    assert abs((first == "y").mean() - 0.75) < 0.02


def test_the_spans_of_an_export_and_the_model_transform(model: Model) -> None:
    transformer = VgmTransformer.from_spans(Spans.from_json(spans_json()), model)
    matrix = transformer.transform({"delay": [-3, None], "origin": ["b", "never seen"]})
    assert matrix[0].tolist() == [np.float32(0.5 / 26), 1, 0, 1, 0, 0, 1, 0]
    assert matrix[1, 1:].tolist() == [1, 0, 0, 1, 0, 0, 1]
    other = Model.of([Column(column_json(mean=[-3.5, 42.0]))])
    with pytest.raises(ModelError, match="other modes than the model"):
        VgmTransformer.from_spans(Spans.from_json(spans_json()), other)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"formatVersion": 2}, "version 2"),
        ({"as": "gan"}, "--as gan"),
        ({"width": 9}, "8 columns, and the matrix 9"),
        ({"spans": None}, "lacks a part"),
    ],
)
def test_spans_that_are_none_are_refused(change: dict[str, object], problem: str) -> None:
    with pytest.raises(MatrixError, match=problem):
        Spans.from_json(spans_json(**change))
