import { deepEqual, equal, partialDeepStrictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { type ApiName, apis } from '../../../src/embedded/protocol/apis.ts'
import { FrameReader } from '../../../src/embedded/protocol/frame-reader.ts'
import { FrameWriter } from '../../../src/embedded/protocol/frame-writer.ts'
import { readRequest, writeResponse } from '../../../src/embedded/protocol/frames.ts'
import type { Codec } from '../../../src/embedded/protocol/primitives.ts'

/** See fixtures/README.md. */
interface KafkaMessage {
  readonly frame: string
  readonly body: object
}
interface KafkaMessages {
  readonly api: ApiName
  readonly version: number
  readonly requests: readonly KafkaMessage[]
  readonly responses: readonly KafkaMessage[]
}

const messages: readonly KafkaMessages[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/messages.json'), 'utf8'),
)

/** Values as JSON has them. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (Buffer.isBuffer(value)) return value.toString('base64')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]))
}

suite('messages of Apache Kafka', () => {
  test('each offered version of each API is among them', () => {
    const offered = Object.values(apis).flatMap(({ name, versions: [oldest, newest] }) =>
      Array.from({ length: newest - oldest + 1 }, (_, i) => `${name} ${oldest + i}`),
    )
    deepEqual(
      messages.map(({ api, version }) => `${api} ${version}`),
      offered,
    )
  })

  for (const { api: name, version, requests, responses } of messages) {
    const api = apis[name]
    const format = { version, isFlexible: version >= api.flexibleFrom }

    test(`a request of ${name} ${version} is read with all its fields, and has the same bytes when it is written`, () => {
      for (const { frame, body } of requests) {
        const bytes = Buffer.from(frame, 'hex')
        const request = readRequest(bytes)
        deepEqual(plain(request), {
          ...{ api: name, version, isVersionUnknown: false, correlationId: 7, clientId: 'c' },
          body,
        })
        const to = new FrameWriter(format)
        ;(api.request as Codec<unknown>).write(to, request.body)
        const headerBytes = format.isFlexible ? 12 : 11
        equal(Buffer.concat(to.pieces()).toString('hex'), bytes.subarray(headerBytes).toString('hex'))
      }
    })

    test(`an answer to ${name} ${version} has the bytes of Apache Kafka, and is read with all its fields`, () => {
      for (const { frame, body } of responses) {
        const bytes = Buffer.from(frame, 'hex')
        const headerBytes = format.isFlexible && name !== 'ApiVersions' ? 5 : 4
        const from = new FrameReader(bytes, format, headerBytes)
        const response = (api.response as Codec<never>).read(from)
        equal(from.at, bytes.length)
        partialDeepStrictEqual(plain(response), body)
        const [size, ...written] = writeResponse({ api: name, version, correlationId: 7 }, response)
        equal(Buffer.concat(written).toString('hex'), frame)
        equal(size.readInt32BE(), bytes.length)
      }
    })
  }
})
