"""Whatever is wrong with what people give is a VgmError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vgm_stream import MatrixError, Model, ModelError, ValuesError, VgmTransformer, import_model, open_matrix, read_matrix
from vgm_stream.rows import read_rows
from vgm_stream.spans import Spans


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY\x01\x00\xff", b"[]", b"{", b"7", b'"a"', b"{}"])
def test_a_file_that_is_no_description_or_no_model(tmp_path: Path, model: Model, content: bytes | None) -> None:
    file = tmp_path / "a.npy"
    if content is not None:
        file.write_bytes(content)
    for read in (open_matrix, Spans.read, VgmTransformer.from_spans, lambda name: read_matrix(name, 10)):
        with pytest.raises(MatrixError):
            read(file)
    with pytest.raises(ModelError):
        Model.read(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read, error in ((open_matrix, MatrixError), (Model.read, ModelError)):
        with pytest.raises(error, match="none.json cannot be read: No such file or directory"):
            read(tmp_path / "none.json")
        with pytest.raises(error, match="cannot be read: Is a directory"):
            read(tmp_path)


def test_a_model_is_written_where_there_is_no_folder(tmp_path: Path, model: Model) -> None:
    with pytest.raises(ModelError, match="none/m.json cannot be written: No such file or directory"):
        model.write(tmp_path / "none" / "m.json")


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY", b"no matrix"])
@pytest.mark.parametrize("extension", ["npy", "parquet", "arrow"])
def test_a_matrix_that_cannot_be_read(tmp_path: Path, content: bytes | None, extension: str) -> None:
    if extension != "npy":
        pytest.importorskip("pyarrow")
    file = tmp_path / f"m.{extension}"
    if content is not None:
        file.write_bytes(content)
    column = {"name": "x", "kind": "continuous", "type": "double", "start": 0, "width": 1, "nulls": 0}
    span = {"column": "x", "kind": "score", "start": 0, "width": 1, "activation": "linear", "fileStart": 0, "fileWidth": 1}
    spans = {
        **{"formatVersion": 1, "as": "quantile", "file": file.name, "fileFormat": extension, "encoding": "one-hot"},
        **{"rows": 1, "width": 1, "fileWidth": 1, "clip": None, "columns": [column], "spans": [span]},
        "model": {"version": 1, "contentSha256": "ab"},
        "rawSchema": "{}",
    }
    (tmp_path / "spans.json").write_text(json.dumps(spans))
    with pytest.raises(MatrixError, match=file.name):
        open_matrix(tmp_path / "spans.json")


@pytest.mark.parametrize("content", [None, b"", b"no rows"])
def test_rows_that_cannot_be_read(tmp_path: Path, model: Model, content: bytes | None) -> None:
    pytest.importorskip("pyarrow")
    if content is not None:
        (tmp_path / "trips.parquet").write_bytes(content)
    with pytest.raises(MatrixError, match="trips.parquet"):
        VgmTransformer(model).fit(read_rows(tmp_path / "trips.parquet", model))


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"delay": [1, 2], "price": [1.0]}, '"delay" has 2 rows, and column "price" 1'),
        ({"delay": 1, "price": 2.0}, "A column of the table is none"),
        ({"delay": [[1], [2, 3]], "price": [1.0, 2.0]}, "cannot be read as an array"),
        ({"delay": [1, {}], "price": [1.0, 2.0]}, 'Row 1 of column "delay" is {}'),
        ({"delay": [1, 10**400], "price": [1.0, 2.0]}, 'Row 1 of column "delay" is 10+'),
        ({"7": [1], 7: [2]}, 'two columns "7"'),
        (7, "int is no table"),
    ],
)
def test_what_is_no_table(model: Model, table: Any, problem: str) -> None:
    with pytest.raises(ValuesError, match=problem):
        VgmTransformer(model).fit(table)
    with pytest.raises(ValuesError):
        VgmTransformer(model).fit({"delay": [1], "price": [1.0]}).transform(table)


def test_two_columns_of_one_name(model: Model) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([[1, 2.0, 3]], columns=["delay", "price", "delay"])
    tables: list[Any] = [frame]
    try:
        import pyarrow

        tables.append(pyarrow.table([[1], [2.0], [3]], names=["delay", "price", "delay"]))
    except ImportError:
        pass
    for table in tables:
        with pytest.raises(ValuesError, match='two columns "delay"'):
            VgmTransformer(model).fit(table)
        with pytest.raises(ValuesError, match='two columns "delay"'):
            import_model({"delay": object()}, table)


def test_no_mixtures() -> None:
    with pytest.raises(ModelError, match="no mixtures"):
        import_model({}, {"delay": np.arange(9.0)})
