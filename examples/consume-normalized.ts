// node --disable-warning=TimeoutNegativeWarning examples/consume-normalized.ts flights.normalized 3
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry'
import { Kafka, logLevel } from 'kafkajs'

const { KAFKA_BROKERS = 'localhost:9092', SCHEMA_REGISTRY_URL = 'http://localhost:8081' } = process.env
const [topic = 'flights.normalized', rows = 'Infinity'] = process.argv.slice(2)
const registry = new SchemaRegistry({ host: SCHEMA_REGISTRY_URL })
const kafka = new Kafka({ brokers: KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR })
const consumer = kafka.consumer({ groupId: `example.${topic}` })
let left = Number(rows)
await consumer.connect()
await consumer.subscribe({ topics: [topic], fromBeginning: true })
await consumer.run({
  eachMessage: async ({ partition, message }) => {
    // A message without a value is a tombstone: its key was deleted.
    const row = message.value === null ? null : await registry.decode(message.value)
    if (left-- > 0) console.log(partition, message.offset, JSON.stringify(row))
    if (left === 0) setImmediate(() => consumer.disconnect())
  },
})
