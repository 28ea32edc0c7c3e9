"""A cluster with a normalized topic, which test/python/topics.broker.test.ts fills."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from vgm_stream import MatrixError, Model, TopicError, VgmTransformer, open_matrix, read_rows

GIVEN = json.loads(os.environ.get("VGM_TOPIC", "null"))

pytestmark = pytest.mark.skipif(GIVEN is None, reason="npm test has the cluster; VGM_TOPIC describes it")


@pytest.fixture(scope="module")
def at() -> dict[str, object]:
    pytest.importorskip("confluent_kafka.schema_registry.avro")
    return {"kafka": {"bootstrap.servers": GIVEN["brokers"]}, "registry": {"url": GIVEN["registry"]}, "timeout": 30}


@pytest.fixture(scope="module")
def model(at: dict[str, object]) -> Model:
    from vgm_stream.topic import read_model

    return read_model(GIVEN["dataset"], models_topic=GIVEN["modelsTopic"], **at)  # type: ignore[arg-type]


def test_the_model_of_the_topic_is_that_of_the_file(model: Model) -> None:
    exported = Model.read(GIVEN["model"])
    assert json.loads(model.to_json()) == json.loads(exported.to_json())


def test_versions_and_names(at: dict[str, object], model: Model) -> None:
    from vgm_stream.topic import read_model

    for version in (2, "@stable"):
        other = read_model(GIVEN["dataset"], version, models_topic=GIVEN["modelsTopic"], **at)  # type: ignore[arg-type]
        assert other.version == 2 != model.version
    with pytest.raises(TopicError, match="has no model 9 .*Choose of 1, 2"):
        read_model(GIVEN["dataset"], 9, models_topic=GIVEN["modelsTopic"], **at)  # type: ignore[arg-type]
    with pytest.raises(TopicError, match='Run "vgm fit --dataset nobody" first'):
        read_model("nobody", models_topic=GIVEN["modelsTopic"], **at)  # type: ignore[arg-type]


def test_the_rows_of_the_topic_are_those_of_the_file(at: dict[str, object], model: Model) -> None:
    from vgm_stream.topic import read_topic

    rows = read_topic(GIVEN["topic"], model, chunk_rows=700, **at)  # type: ignore[arg-type]
    transformer = VgmTransformer(model).fit(rows, GIVEN["discrete"])
    of_file = read_rows(GIVEN["parquet"], model)
    same = VgmTransformer(model).fit(of_file, GIVEN["discrete"])
    assert transformer.output_info_list == same.output_info_list
    assert transformer.left_out == same.left_out != ()
    matrix = np.concatenate(list(rows.batches(transformer, 500)))
    assert np.array_equal(matrix, np.concatenate(list(of_file.batches(same, 500))))
    shards = [np.concatenate(list(rows.batches(transformer, 500).epoch(0, shard=i, shards=2))) for i in range(2)]
    assert np.array_equal(np.concatenate(shards), matrix)


def test_the_values_of_the_topic_are_those_of_the_raw_rows(model: Model) -> None:
    """The product's own kernel has written them: transform does the same to the raw rows."""
    import pyarrow.parquet

    raw, normalized = (pyarrow.parquet.read_table(GIVEN[name]) for name in ("raw", "parquet"))
    for name in model:
        found = model[name].transform(raw.column(name))
        modes = normalized.column(f"{name}_mode").fill_null(-1).to_numpy()
        values = normalized.column(f"{name}_value").to_numpy()
        assert np.array_equal(found.modes, modes)
        assert np.array_equal(found.values.view(np.uint64)[modes >= 0], values.view(np.uint64)[modes >= 0])


def test_the_matrix_of_an_export_is_that_of_its_rows(model: Model) -> None:
    matrix = open_matrix(GIVEN["spans"])
    assert np.array_equal(open_matrix(GIVEN["places"]), matrix)
    transformer = VgmTransformer.from_spans(GIVEN["spans"], model)
    rows = read_rows(GIVEN["parquet"], model)
    assert np.array_equal(np.concatenate(list(rows.batches(transformer, 500))), matrix)
    discrete = [column.name for column in transformer.spans.columns if column.is_discrete]
    own = VgmTransformer(model).fit(rows, discrete)
    assert own.output_info_list == transformer.output_info_list
    assert np.array_equal(np.concatenate(list(rows.batches(own, 500))), matrix)


def test_generated_rows_are_those_that_the_product_restores() -> None:
    import pandas

    restored = pandas.read_parquet(f"{GIVEN['synthetic']}.parquet")
    back = VgmTransformer.from_spans(GIVEN["spans"]).inverse_transform(np.load(f"{GIVEN['synthetic']}.npy"))
    for name in back:
        # Partitions give them in another order.
        one, other = (sorted(map(repr, frame[name].where(frame[name].notna(), None))) for frame in (back, restored))
        assert one == other, name


def test_another_topic_or_version_is_refused(at: dict[str, object], model: Model) -> None:
    from vgm_stream.topic import read_topic

    with pytest.raises(TopicError, match="without a modelled column"):
        VgmTransformer(model).fit(read_topic(GIVEN["rawTopic"], model, **at))  # type: ignore[arg-type]
    with pytest.raises(TopicError, match="cannot be read"):
        read_topic("nobody.normalized", model, **at)  # type: ignore[arg-type]
    other = Model({**json.loads(model.to_json()), "version": 7})
    with pytest.raises(MatrixError, match="rows of version 1, and the model is version 7"):
        VgmTransformer(other).fit(read_topic(GIVEN["topic"], other, **at))  # type: ignore[arg-type]
