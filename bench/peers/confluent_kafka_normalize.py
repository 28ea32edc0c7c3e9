"""vgm normalize in Python: confluent-kafka for the wire, numpy for the modes, exactly once.

confluent_kafka_normalize.py --brokers B --input TOPIC --output TOPIC --group G --model FILE --rows N

A row keeps its partition, order and key; produce_batch, the fastest way out of Python, takes no timestamps. Prints
{"rows": N, "seconds": S}, from the first rows to the last commit.
"""

import argparse
import json
import sys
import time

import numpy as np
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

# Rows of one call into librdkafka: more of them do not pay, and fewer cost.
STEP = 20_000
# As long as a transaction of "vgm normalize".
TRANSACTION_SECONDS = 0.5

parser = argparse.ArgumentParser()
for name in ("brokers", "input", "output", "group", "model"):
    parser.add_argument(f"--{name}", required=True)
parser.add_argument("--rows", type=int, required=True)
arguments, _ = parser.parse_known_args()

with open(arguments.model) as file:
    model = json.load(file)
[column] = model["columns"]
mean, std, offset, precision = (np.array(column[name]) for name in ("mean", "std", "offset", "precision"))

raw = np.dtype([("magic", "u1"), ("schema", ">i4"), ("x", "<f8")])
# model_version and mode are below 64: their zigzag numbers take a byte.
normalized = np.dtype([("magic", "u1"), ("schema", ">i4"), ("version", "u1"), ("value", "<f8"), ("mode", "u1")])
width = normalized.itemsize


def normalize(values):
    rows = np.frombuffer(b"".join(values), raw)
    if not (rows["schema"] == model["rawSchemaId"]).all():
        sys.exit("A row of another schema")
    x = rows["x"]
    best = np.full(len(x), -np.inf)
    mode = np.zeros(len(x), np.uint8)
    # Component by component: a matrix of all scores would leave the cache.
    for k in range(len(mean)):
        score = offset[k] - 0.5 * precision[k] * (x - mean[k]) ** 2
        better = score > best
        best[better] = score[better]
        mode[better] = k
    out = np.zeros(len(x), normalized)
    out["schema"] = model["normalizedSchemaId"]
    out["version"] = model["version"] << 1
    out["value"] = (x - mean[mode]) / (4 * std[mode])
    out["mode"] = mode << 1
    return out.tobytes()


consumer = Consumer(
    {
        "bootstrap.servers": arguments.brokers,
        "group.id": arguments.group,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "queued.min.messages": 500_000,
        "queued.max.messages.kbytes": 262_144,
        "fetch.message.max.bytes": 1 << 20,
        "fetch.max.bytes": 8 << 20,
        "check.crcs": True,
    }
)
producer = Producer(
    {
        "bootstrap.servers": arguments.brokers,
        "transactional.id": arguments.group,
        "linger.ms": 20,
        "batch.size": 1 << 19,
        "batch.num.messages": 100_000,
        "queue.buffering.max.messages": 2_000_000,
        "queue.buffering.max.kbytes": 1 << 20,
        "compression.type": "none",
    }
)
producer.init_transactions()
consumer.subscribe([arguments.input])

done = 0
started = None
while done < arguments.rows:
    positions = {}
    rows = 0
    transaction_start = None
    while done + rows < arguments.rows:
        messages = consumer.consume(min(STEP, arguments.rows - done - rows), 0.1)
        if not messages:
            continue
        if transaction_start is None:
            transaction_start = time.perf_counter()
            started = started or transaction_start
            producer.begin_transaction()
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
        by_partition = {}
        for message in messages:
            by_partition.setdefault(message.partition(), []).append(message)
        for partition, group in by_partition.items():
            out = normalize([message.value() for message in group])
            producer.produce_batch(
                arguments.output,
                [
                    {"value": out[at : at + width], "key": message.key()}
                    for at, message in zip(range(0, len(out), width), group)
                ],
                partition,
            )
            positions[partition] = group[-1].offset() + 1
        producer.poll(0)
        rows += len(messages)
        if time.perf_counter() - transaction_start > TRANSACTION_SECONDS:
            break
    producer.send_offsets_to_transaction(
        [TopicPartition(arguments.input, partition, offset) for partition, offset in positions.items()],
        consumer.consumer_group_metadata(),
    )
    producer.commit_transaction()
    done += rows
print(json.dumps({"rows": done, "seconds": time.perf_counter() - started}))
consumer.close()
