"""Models and normalized rows of Kafka topics, with confluent-kafka."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .column import Normalized
from .errors import MissingPackageError, TopicError
from .model import Model
from .rows import Chunk, Rows

try:
    import fastavro
    from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
    from confluent_kafka.schema_registry import SchemaRegistryClient
except ImportError as error:
    raise MissingPackageError("confluent-kafka") from error

Config = Mapping[str, Any]
Read = Callable[[bytes], Any]

_MODE_VALUE = "io.vgmstream.ModeValue"
_POLL_SECONDS = 0.5


def read_model(
    dataset: str,
    version: int | str = "current",
    *,
    kafka: Config,
    registry: Config,
    models_topic: str = "vgm.models",
    timeout: float = 60,
) -> Model:
    """The model that a version, or a name as "@stable", stands for in the topic of models.

    :param kafka: settings of confluent-kafka: {"bootstrap.servers": "..."}, and those of TLS and logins
    :param registry: settings of its SchemaRegistryClient: {"url": "..."}
    """
    read = _Registry(registry)
    records: dict[str, bytes] = {}
    consumer = _consumer(kafka)
    try:
        for message in _until_end(consumer, models_topic, 0, timeout):
            key = (message.key() or b"").decode("utf-8", "replace")
            if message.value() is None:
                records.pop(key, None)
            else:
                records[key] = message.value()
    finally:
        consumer.close()
    number = version
    if isinstance(version, str):
        alias = records.get(f"{dataset}/{version}")
        number = read(alias)["version"] if alias is not None else version
    record = records.get(f"{dataset}/{number}")
    if record is None:
        pattern = re.compile(re.escape(dataset) + r"/(\d+|@.+)")
        known = [match[1] for match in map(pattern.fullmatch, records) if match]
        raise TopicError(
            f'Topic {models_topic} has no model {version} of data set "{dataset}"',
            f"Choose of {', '.join(known)}" if known else f'Run "vgm fit --dataset {dataset}" first',
        )
    return Model(_model_json(read(record)))


class TopicRows(Rows):
    """The rows of a normalized topic, partition after partition, up to the ends that it had when this was made.

    Rows of transactions that are not committed are passed over, and so are tombstones.
    """

    def __init__(
        self, topic: str, model: Model, kafka: Config, registry: Config, chunk_rows: int, timeout: float
    ) -> None:
        super().__init__(model)
        self._topic = topic
        self._kafka = dict(kafka)
        self._registry = dict(registry)
        self._chunk_rows = chunk_rows
        self._timeout = timeout
        consumer = _consumer(kafka)
        try:
            found = consumer.list_topics(topic, timeout=timeout).topics[topic]
            if found.error is not None:
                raise TopicError(f"Topic {topic} cannot be read: {found.error}", "Name a normalized topic")
            self._ends = {
                partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=timeout)[1]
                for partition in sorted(found.partitions)
            }
        finally:
            consumer.close()

    def chunks(
        self, *, shard: int = 0, shards: int = 1, order: np.random.Generator | None = None
    ) -> Iterator[Chunk]:
        read = _Registry(self._registry)
        partitions = np.array(list(self._ends))
        if order is not None:
            partitions = order.permutation(partitions)
        consumer = _consumer(self._kafka)
        try:
            for partition in partitions[shard::shards].tolist():
                pending: dict[int, list[Any]] = {}
                for message in _until_end(consumer, self._topic, partition, self._timeout, self._ends[partition]):
                    if message.value() is None:
                        continue
                    schema = read.schema_id(message.value())
                    rows = pending.setdefault(schema, [])
                    rows.append(read(message.value()))
                    if len(rows) >= self._chunk_rows:
                        yield self._chunk(pending.pop(schema), read.schema(schema))
                for schema, rows in pending.items():
                    yield self._chunk(rows, read.schema(schema))
        finally:
            consumer.close()

    def _chunk(self, rows: Sequence[Any], schema: Any) -> Chunk:
        modelled: dict[str, Normalized] = {}
        others: dict[str, Any] = {}
        order: list[str] = []
        for path, is_mode in _paths(schema):
            name = ".".join(path)
            found = [_at(row, path) for row in rows]
            if path == ("model_version",):
                self.check_versions(np.array(found), self._topic)
                continue
            order.append(name)
            if not is_mode:
                column = np.full(len(found), None, dtype=object)
                column[:] = found
                others[name] = column
                continue
            values = np.array([np.nan if value is None else value["value"] for value in found])
            modes = np.array([-1 if value is None else value["mode"] for value in found], dtype=np.int16)
            modelled[name] = Normalized(values, modes)
        if not modelled:
            raise TopicError(f"Topic {self._topic} has rows without a modelled column", "Name a normalized topic")
        return Chunk(order, modelled, others, len(rows))


def read_topic(
    topic: str,
    model: Model,
    *,
    kafka: Config,
    registry: Config,
    chunk_rows: int = 65_536,
    timeout: float = 60,
) -> TopicRows:
    """The rows of a normalized topic.

    :param model: of the version that the rows have
    :param kafka: settings of confluent-kafka: {"bootstrap.servers": "..."}, and those of TLS and logins
    :param registry: settings of its SchemaRegistryClient: {"url": "..."}
    :param timeout: seconds to wait for a row before that is an error
    """
    return TopicRows(topic, model, kafka, registry, chunk_rows, timeout)


class _Registry:
    """Decodes messages in Confluent's framing: a zero, the schema's id in four bytes, and the Avro body."""

    def __init__(self, config: Config) -> None:
        self._client = SchemaRegistryClient(dict(config))
        self._schemas: dict[int, tuple[Any, Any]] = {}

    def schema_id(self, value: bytes) -> int:
        if len(value) < 5 or value[0] != 0:
            raise TopicError("A message does not begin with a zero and a schema id", "Name a topic that vgm has written")
        return int.from_bytes(value[1:5], "big")

    def schema(self, schema_id: int) -> Any:
        return self._known(schema_id)[0]

    def __call__(self, value: bytes) -> Any:
        _, parsed = self._known(self.schema_id(value))
        return fastavro.schemaless_reader(io.BytesIO(value[5:]), parsed, None)

    def _known(self, schema_id: int) -> tuple[Any, Any]:
        if schema_id not in self._schemas:
            schema = json.loads(self._client.get_schema(schema_id).schema_str)
            self._schemas[schema_id] = (schema, fastavro.parse_schema(schema))
        return self._schemas[schema_id]


def _consumer(config: Config) -> Any:
    return Consumer(
        {
            "group.id": "vgm-stream-python",
            **config,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
    )


def _until_end(consumer: Any, topic: str, partition: int, timeout: float, end: int | None = None) -> Iterator[Any]:
    """The messages of a partition up to an offset, or up to its end now."""
    place = TopicPartition(topic, partition, OFFSET_BEGINNING)
    if end is None:
        end = consumer.get_watermark_offsets(place, timeout=timeout)[1]
    consumer.assign([place])
    last = time.monotonic()
    while True:
        messages = consumer.consume(num_messages=10_000, timeout=_POLL_SECONDS)
        if messages:
            last = time.monotonic()
        for message in messages:
            fault = message.error()
            if fault is None:
                if message.offset() >= end:
                    return
                yield message
            elif fault.code() == KafkaError._PARTITION_EOF:
                if message.offset() >= end:
                    return
            else:
                raise TopicError(f"Partition {partition} of {topic} cannot be read: {fault}", "Check the settings")
        position = consumer.position([place])[0].offset
        if position >= end or end == 0:
            return
        if time.monotonic() - last > timeout:
            raise TopicError(
                f"Partition {partition} of {topic} could be read to offset {position} of {end} in {timeout:g} s",
                "An open transaction or a broker that is gone holds readers back: try again later",
            )


def _paths(schema: Any) -> list[tuple[tuple[str, ...], bool]]:
    """The columns of a normalized row: the path to each, and whether it is a ModeValue."""
    names: dict[str, Any] = {}

    def collect(type_: Any, namespace: str) -> None:
        if isinstance(type_, list):
            for branch in type_:
                collect(branch, namespace)
        elif isinstance(type_, dict):
            own = type_.get("namespace", namespace)
            if "name" in type_:
                name = type_["name"]
                names[name if "." in name or not own else f"{own}.{name}"] = type_
                own = name.rpartition(".")[0] or own
            for field in type_.get("fields", []):
                collect(field["type"], own)
            for part in ("items", "values", "type"):
                if isinstance(type_.get(part), (dict, list)):
                    collect(type_[part], own)

    def record_of(type_: Any, namespace: str) -> tuple[str, Any] | None:
        branches = [branch for branch in (type_ if isinstance(type_, list) else [type_]) if branch != "null"]
        if len(branches) != 1:
            return None
        (branch,) = branches
        if isinstance(branch, dict):
            if branch.get("type") != "record":
                return None
            name = branch["name"]
            own = branch.get("namespace", namespace)
            return name if "." in name or not own else f"{own}.{name}", branch
        full = branch if "." in branch or not namespace else f"{namespace}.{branch}"
        known = names.get(full) or names.get(branch)
        return (full if full in names else branch, known) if known and known.get("type") == "record" else None

    def has_modes(full: str, record: Any, around: tuple[str, ...]) -> bool:
        if full == _MODE_VALUE:
            return True
        namespace = full.rpartition(".")[0]
        inner = [record_of(field["type"], namespace) for field in record["fields"]]
        return any(found is not None and found[0] not in around and has_modes(*found, (*around, full)) for found in inner)

    def walk(full: str, record: Any, before: tuple[str, ...], around: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], bool]]:
        namespace = full.rpartition(".")[0]
        for field in record["fields"]:
            path = (*before, field["name"])
            found = record_of(field["type"], namespace)
            if found is not None and found[0] == _MODE_VALUE:
                yield path, True
            elif found is not None and found[0] not in around and has_modes(*found, (*around, full)):
                yield from walk(*found, path, (*around, full))
            else:
                yield path, False

    collect(schema, "")
    root = record_of(schema, "")
    return [] if root is None else list(walk(*root, (), ()))


def _at(row: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if row is None:
            return None
        row = row[name]
    return row


_CAMEL = re.compile(r"_([a-z])")


def _camel(record: Any) -> Any:
    """Names as the JSON of a model has them, and without what is null."""
    if isinstance(record, Mapping):
        return {
            _CAMEL.sub(lambda match: match[1].upper(), name): _camel(value)
            for name, value in record.items()
            if value is not None
        }
    return [_camel(value) for value in record] if isinstance(record, list) else record


def _model_json(record: Mapping[str, Any]) -> dict[str, Any]:
    created = record["created_at"]
    at_ms = created if isinstance(created, int) else round(created.timestamp() * 1000)
    content = {name: value for name, value in record.items() if name != "created_at"}
    return {**_camel(content), "createdAtMs": at_ms}
