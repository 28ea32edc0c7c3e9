# pip install "confluent-kafka[avro,schemaregistry]"; python examples/consume_normalized.py flights.normalized 3
import os
import sys

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

topic, rows = sys.argv[1], int(sys.argv[2])
decode = AvroDeserializer(SchemaRegistryClient({"url": os.environ["SCHEMA_REGISTRY_URL"]}))
consumer = Consumer({
    "bootstrap.servers": os.environ["KAFKA_BROKERS"],
    "group.id": f"example-python.{topic}",
    "auto.offset.reset": "earliest",
})
consumer.subscribe([topic])
while rows > 0:
    message = consumer.poll(1.0)
    if message is None:
        continue
    if message.error():
        sys.exit(f"{topic}: {message.error()}")
    print(message.partition(), message.offset(), decode(message.value(), SerializationContext(topic, MessageField.VALUE)))
    rows -= 1
consumer.close()
