/**
 * "vgm normalize" with kafkajs alone, exactly once: a message an object, as its users write it.
 *
 *     node kafkajs-normalize.ts --brokers B --input TOPIC --output TOPIC --group G --model FILE --rows N
 *
 * A row keeps its partition, order, key, headers and timestamp. Prints {"rows": N, "seconds": S}, from the first rows
 * to the last commit.
 */

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Kafka, type KafkaMessage, logLevel, type Message } from 'kafkajs'
import { prepareProcess } from '../../src/observe/prepare-process.ts'
import type { PeerModel } from './peer-model.ts'

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'
prepareProcess()

const { values: flags } = parseArgs({
  strict: false,
  options: Object.fromEntries(
    ['brokers', 'input', 'output', 'group', 'model', 'rows'].map((name) => [name, { type: 'string' as const }]),
  ),
})
const { brokers, input, output, group, model: modelFile, rows } = flags as Record<string, string>
const model: PeerModel = JSON.parse(readFileSync(modelFile, 'utf8'))
const [{ mean, std, offset, precision }] = model.columns

/** kafkajs groups the messages of a send by copying what it has for each of them: more a send cost more a message. */
const sendRows = 1_000

function normalize(value: Buffer): Buffer {
  if (value.length !== 13 || value.readInt32BE(1) !== model.rawSchemaId) throw new Error('A row of another schema')
  const x = value.readDoubleLE(5)
  let mode = 0
  let best = -Infinity
  for (let k = 0; k < mean.length; k++) {
    const d = x - mean[k]
    const score = offset[k] - 0.5 * precision[k] * d * d
    if (score > best) {
      best = score
      mode = k
    }
  }
  const out = Buffer.allocUnsafe(15)
  out[0] = 0
  out.writeInt32BE(model.normalizedSchemaId, 1)
  // Both are below 64: their zigzag numbers take a byte.
  out[5] = model.version << 1
  out.writeDoubleLE((x - mean[mode]) / (4 * std[mode]), 6)
  out[14] = mode << 1
  return out
}

const kafka = new Kafka({ brokers: brokers.split(','), clientId: 'kafkajs-peer', logLevel: logLevel.NOTHING })
const producer = kafka.producer({ transactionalId: group, idempotent: true, maxInFlightRequests: 1 })
const consumer = kafka.consumer({ groupId: group, maxBytesPerPartition: 1 << 20, maxBytes: 8 << 20 })
await Promise.all([producer.connect(), consumer.connect()])
await consumer.subscribe({ topics: [input], fromBeginning: true })

let startedMs: number | undefined
let done = 0
const end = Promise.withResolvers<void>()
// It begins again by itself after what may pass, such as a coordinator that is not ready yet.
consumer.on('consumer.crash', ({ payload }) => {
  if (!payload.restart) end.reject(payload.error)
})
await consumer.run({
  autoCommit: false,
  eachBatch: async ({ batch: { partition, messages } }) => {
    startedMs ??= performance.now()
    const transaction = await producer.transaction()
    for (let from = 0; from < messages.length; from += sendRows) {
      const out = messages.slice(from, from + sendRows).map(
        (message: KafkaMessage): Message => ({
          key: message.key,
          value: normalize(message.value as Buffer),
          partition,
          timestamp: message.timestamp,
          ...(message.headers !== undefined && { headers: message.headers }),
        }),
      )
      await transaction.send({ topic: output, messages: out })
    }
    const offset = String(BigInt(messages[messages.length - 1].offset) + 1n)
    await transaction.sendOffsets({
      consumerGroupId: group,
      topics: [{ topic: input, partitions: [{ partition, offset }] }],
    })
    await transaction.commit()
    done += messages.length
    if (done >= Number(rows)) end.resolve()
  },
})
await end.promise
process.stdout.write(`${JSON.stringify({ rows: done, seconds: (performance.now() - (startedMs ?? 0)) / 1_000 })}\n`)
await consumer.disconnect()
await producer.disconnect()
