from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import column_json
from test_transformer import spans_json

from vgm_stream import Column, MatrixError, Model, Spans, ValuesError, VgmTransformer, open_matrix, read_matrix, read_rows

ROWS = 20_000


def write_matrix(folder: Path, rows: int = ROWS, index: bool = False, format: str = "npy") -> tuple[Path, np.ndarray]:
    """A matrix whose value is the row's number, and its spans."""
    matrix = np.zeros((rows, 8), np.float32)
    matrix[:, 0] = np.arange(rows)
    for start, width in ((1, 2), (3, 2), (5, 3)):
        matrix[np.arange(rows), start + np.arange(rows) % width] = 1
    spans = spans_json(rows=rows, file=f"m.{format}", fileFormat=format)
    held = matrix
    if index:
        held = np.column_stack([matrix[:, 0]] + [matrix[:, s : s + w].argmax(axis=1) for s, w in ((1, 2), (3, 2), (5, 3))])
        held = held.astype(np.float32)
        spans |= {"encoding": "index", "fileWidth": 4}
        spans["spans"] = [{**span, "fileStart": i, "fileWidth": 1} for i, span in enumerate(spans["spans"])]  # type: ignore[arg-type]
    if format == "npy":
        np.save(folder / "m.npy", held)
    else:
        pyarrow = pytest.importorskip("pyarrow")
        import pyarrow.ipc
        import pyarrow.parquet

        table = pyarrow.table({f"c{i}": held[:, i] for i in range(held.shape[1])})
        if format == "parquet":
            pyarrow.parquet.write_table(table, folder / "m.parquet", row_group_size=3_000)
        else:
            with pyarrow.ipc.new_file(folder / "m.arrow", table.schema) as writer:
                writer.write_table(table, max_chunksize=3_000)
    (folder / "m.spans.json").write_text(json.dumps(spans))
    return folder / "m.spans.json", matrix


@pytest.mark.parametrize("format", ["npy", "parquet", "arrow"])
@pytest.mark.parametrize("index", [False, True])
def test_batches_are_the_rows_in_order(tmp_path: Path, format: str, index: bool) -> None:
    spans, matrix = write_matrix(tmp_path, index=index, format=format)
    batches = list(read_matrix(spans, 3_001))
    assert [len(batch) for batch in batches] == [3_001] * 6 + [ROWS - 6 * 3_001]
    assert np.array_equal(np.concatenate(batches), matrix)
    assert all(batch.flags.writeable and batch.dtype == np.float32 for batch in batches)
    assert np.array_equal(open_matrix(spans), matrix)
    assert len(list(read_matrix(spans, 3_001, drop_last=True))) == 6


@pytest.mark.parametrize("index", [False, True])
def test_scores_and_bins_are_read_beside_categories(tmp_path: Path, index: bool) -> None:
    score = {"column": "x", "kind": "score", "start": 0, "width": 1, "activation": "linear", "fileStart": 0, "fileWidth": 1}
    score |= {"distribution": "normal", "weight": [0.5, 0.25], "mean": [0.0, 9.0], "std": [1.0, 2.0]}
    bins = {"column": "y", "kind": "bins", "start": 1, "width": 2, "activation": "linear", "fileStart": 1, "fileWidth": 2}
    bins |= {"edges": [0.0, 1.0, 5.0]}
    city = {"column": "c", "kind": "category", "start": 3, "width": 2, "activation": "softmax", "fileStart": 3}
    city |= {"fileWidth": 1 if index else 2, "categories": ["a", "b"]}
    columns = [
        {"name": "x", "kind": "continuous", "type": "double", "start": 0, "width": 1, "nulls": 0},
        {"name": "y", "kind": "continuous", "type": "double", "start": 1, "width": 2, "nulls": 0},
        {"name": "c", "kind": "discrete", "type": "string", "start": 3, "width": 2, "nulls": 0},
    ]
    matrix = np.array([[-0.5, 0.25, 0, 1, 0], [4.5, 1, 2.5, 0, 1]], np.float32)
    np.save(tmp_path / "m.npy", np.array([[-0.5, 0.25, 0, 0], [4.5, 1, 2.5, 1]], np.float32) if index else matrix)
    spans = {"as": "quantile", "width": 5, "fileWidth": 4 if index else 5, "spans": [score, bins, city], "columns": columns}
    (tmp_path / "spans.json").write_text(json.dumps(spans_json(**spans, encoding="index" if index else "one-hot")))
    assert np.array_equal(open_matrix(tmp_path / "spans.json"), matrix)
    read = Spans.read(tmp_path / "spans.json")
    assert (read.made_for, read.spans[0].distribution, read.spans[1].edges) == ("quantile", "normal", (0.0, 1.0, 5.0))
    assert read.output_info_list == [[(1, "linear")], [(2, "linear")], [(2, "softmax")]]
    back = VgmTransformer.from_spans(read).inverse_transform(matrix)
    assert np.allclose(np.asarray(back["y"], dtype=float), [0.25, 11.0])
    with pytest.raises(MatrixError, match="no matrix of --as quantile"):
        VgmTransformer.from_spans(read).transform(back)
    with pytest.raises(MatrixError, match="one of --as gan"):
        Spans.from_json(spans_json(**{"as": "gan"}))


def test_shuffled_batches_are_the_same_rows_in_a_reproducible_order(tmp_path: Path) -> None:
    spans, matrix = write_matrix(tmp_path)
    order = lambda seed, epoch: np.concatenate(list(read_matrix(spans, 500, shuffle_rows=2_000, seed=seed).epoch(epoch)))  # noqa: E731
    one = order(7, 0)
    assert np.array_equal(np.sort(one[:, 0]), matrix[:, 0])
    assert np.array_equal(one, matrix[one[:, 0].astype(int)])
    assert np.array_equal(order(7, 0), one)
    assert not np.array_equal(order(7, 1), one)
    assert not np.array_equal(order(8, 0), one)
    # The first batch comes from many places.
    assert np.ptp(one[:500, 0]) > 1_000


def test_a_shuffle_of_all_rows_is_a_permutation(tmp_path: Path) -> None:
    spans, _ = write_matrix(tmp_path, rows=1_000)
    (batch,) = read_matrix(spans, 1_000, shuffle_rows=10_000, seed=1)
    ranks = batch[:, 0]
    assert abs(np.corrcoef(ranks, np.arange(1_000))[0, 1]) < 0.15


@pytest.mark.parametrize("shuffle_rows", [0, 1_000])
def test_shards_have_each_row_once(tmp_path: Path, shuffle_rows: int) -> None:
    spans, matrix = write_matrix(tmp_path)
    batches = read_matrix(spans, 700, shuffle_rows=shuffle_rows)
    parts = [np.concatenate(list(batches.epoch(2, shard=shard, shards=2))) for shard in range(2)]
    assert all(len(part) > 0 for part in parts)
    assert np.array_equal(np.sort(np.concatenate(parts)[:, 0]), matrix[:, 0])


def test_a_matrix_without_rows(tmp_path: Path) -> None:
    spans, _ = write_matrix(tmp_path, rows=0)
    assert list(read_matrix(spans, 10)) == []
    assert list(read_matrix(spans, 10, shuffle_rows=5)) == []
    assert open_matrix(spans).shape == (0, 8)


def test_a_matrix_of_another_export_is_refused(tmp_path: Path) -> None:
    spans, matrix = write_matrix(tmp_path)
    np.save(tmp_path / "m.npy", matrix[:-1])
    with pytest.raises(MatrixError, match="not of one export"):
        list(read_matrix(spans, 10))
    np.save(tmp_path / "m.npy", matrix.astype(np.float64))
    with pytest.raises(MatrixError, match="float64"):
        open_matrix(spans)
    with pytest.raises(ValuesError, match="batch_rows is 0"):
        read_matrix(spans, 0)


def test_a_place_beyond_the_categories_is_refused(tmp_path: Path) -> None:
    spans, _ = write_matrix(tmp_path, rows=10, index=True)
    held = np.load(tmp_path / "m.npy")
    held[3, 3] = 3
    np.save(tmp_path / "m.npy", held)
    with pytest.raises(MatrixError, match='place of column "origin" is .*, which is no whole number from 0 to 2'):
        open_matrix(spans)


@pytest.fixture
def exported(tmp_path: Path, model: Model) -> tuple[Path, Model, dict[str, list[object]]]:
    """A Parquet file as vgm export writes it."""
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    published = Model({**json.loads(model.to_json()), "version": 3})
    raw = {
        "delay": [None if i % 10 == 3 else i % 400 - 50 for i in range(1_000)],
        "price": [i % 77 / 4 for i in range(1_000)],
        "origin": [["a", "b", None][i % 3] for i in range(1_000)],
    }
    delay, price = (published[name].transform(raw[name]) for name in ("delay", "price"))
    null = delay.modes < 0
    table = pyarrow.table(
        {
            "model_version": pyarrow.array([3] * 1_000, pyarrow.int32()),
            "date": list(range(1_000)),
            "delay_value": pyarrow.array(delay.values, mask=null),
            "delay_mode": pyarrow.array(delay.modes.astype(np.int32), mask=null),
            "origin": raw["origin"],
            "price_value": price.values,
            "price_mode": price.modes.astype(np.int32),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "trips.parquet", row_group_size=300)
    return tmp_path / "trips.parquet", published, raw


def test_an_exported_file_gives_the_matrix_of_its_raw_rows(
    exported: tuple[Path, Model, dict[str, list[object]]],
) -> None:
    file, model, raw = exported
    rows = read_rows(file, model)
    with pytest.warns(RuntimeWarning, match="no columns of date: they are neither modelled nor discrete"):
        transformer = VgmTransformer(model).fit(rows, ["origin"])
    assert transformer.left_out == ("date",)
    matrix = np.concatenate(list(rows.batches(transformer, 128)))
    table = {"delay": raw["delay"], "origin": raw["origin"], "price": raw["price"]}
    of_raw = VgmTransformer(model).fit(table, ["origin"])
    assert of_raw.output_info_list == transformer.output_info_list
    assert np.array_equal(matrix, of_raw.transform(table))
    shuffled = np.concatenate(list(rows.batches(transformer, 128, shuffle_rows=200, seed=5)))
    assert not np.array_equal(shuffled, matrix)
    assert np.array_equal(np.sort(shuffled[:, 0]), np.sort(matrix[:, 0]))


def test_a_modelled_column_of_a_file_may_be_discrete(exported: tuple[Path, Model, dict[str, list[object]]]) -> None:
    file, model, raw = exported
    with pytest.warns(RuntimeWarning, match="no columns of date, origin"):
        transformer = VgmTransformer(model).fit(read_rows(file, model), ["delay"])
    span = transformer.spans.columns[0].spans[0]
    assert list(span.categories) == list(dict.fromkeys(value for value in raw["delay"] if value is not None))
    assert span.null_at == len(span.categories)


def test_rows_of_another_version_are_refused(exported: tuple[Path, Model, dict[str, list[object]]]) -> None:
    file, model, _ = exported
    other = Model({**json.loads(model.to_json()), "version": 4})
    with pytest.raises(MatrixError, match="rows of version 3, and the model is version 4"):
        VgmTransformer(other).fit(read_rows(file, other))
    strange = Model.of([Column(column_json("x"))])
    with pytest.raises(MatrixError, match="no column of the model, such as x_value"):
        VgmTransformer(strange).fit(read_rows(file, strange))


def test_spans_know_their_file(tmp_path: Path) -> None:
    spans, _ = write_matrix(tmp_path, rows=3)
    read = Spans.read(spans)
    assert read.file == tmp_path / "m.npy" and read.model_version == 3
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(MatrixError, match="no JSON"):
        Spans.read(tmp_path / "bad.json")


def in_torch(name: str) -> Callable[..., object]:
    pytest.importorskip("torch")
    import vgm_stream.torch

    found: Callable[..., object] = getattr(vgm_stream.torch, name)
    return found


def test_torch_reads_the_same_batches(tmp_path: Path) -> None:
    dataset = in_torch("BatchDataset")
    import torch

    spans, matrix = write_matrix(tmp_path)
    batches = read_matrix(spans, 500, shuffle_rows=2_000, seed=7)
    loader = torch.utils.data.DataLoader(dataset(batches), batch_size=None)
    found = torch.cat(list(loader)).numpy()
    assert np.array_equal(found, np.concatenate(list(batches)))
    shared = torch.utils.data.DataLoader(dataset(batches), batch_size=None, num_workers=2)
    both = [torch.cat(list(shared)).numpy() for _ in range(2)]
    assert np.array_equal(*both)
    assert np.array_equal(np.sort(both[0][:, 0]), matrix[:, 0])


def test_a_file_of_another_format_is_refused(tmp_path: Path, model: Model) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "trips.csv").write_text("delay_value,delay_mode\n0.1,1\n")
    with pytest.raises(MatrixError, match="trips.csv is no Parquet file"):
        VgmTransformer(model).fit(read_rows(tmp_path / "trips.csv", model))
