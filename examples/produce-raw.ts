// node --disable-warning=TimeoutNegativeWarning examples/produce-raw.ts readings.raw 1000
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { Kafka, logLevel } from 'kafkajs'

const { KAFKA_BROKERS = 'localhost:9092', SCHEMA_REGISTRY_URL = 'http://localhost:8081' } = process.env
const [topic = 'readings.raw', rows = '1000'] = process.argv.slice(2)
const schema = {
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'sensor', type: 'string' },
    { name: 'celsius', type: ['null', 'double'], default: null },
  ],
}
const registry = new SchemaRegistry({ host: SCHEMA_REGISTRY_URL })
const { id } = await registry.register(
  { type: SchemaType.AVRO, schema: JSON.stringify(schema) },
  { subject: `${topic}-value` },
)
const kafka = new Kafka({ brokers: KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR })
const [admin, producer] = [kafka.admin(), kafka.producer()]
await Promise.all([admin.connect(), producer.connect()])
// kafkajs waits for the leaders of topics that the broker knows already, and fails on others; send() tries again.
await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: false })
const messages = Array.from({ length: Number(rows) }, async (_, i) => {
  const reading = { sensor: `s${i % 10}`, celsius: i % 100 === 0 ? null : (i % 3 === 0 ? -18 : 21) + Math.sin(i) }
  return { key: reading.sensor, value: await registry.encode(id, reading), headers: { site: 'north' } }
})
await producer.send({ topic, messages: await Promise.all(messages) })
await Promise.all([admin.disconnect(), producer.disconnect()])
