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

const hex = (pieces: readonly Buffer[]): string => Buffer.concat(pieces).toString('hex')

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

  for (const [name, ofApi] of Map.groupBy(messages, ({ api }) => api)) {
    const api = apis[name]
    const formatOf = (version: number) => ({ version, isFlexible: version >= api.flexibleFrom })

    test(`requests of ${name} are read with all their fields, and have the same bytes when they are written`, () => {
      for (const { version, requests } of ofApi)
        for (const { frame, body } of requests) {
          const request = readRequest(Buffer.from(frame, 'hex'))
          const header = { api: name, version, isVersionUnknown: false, correlationId: 7, clientId: 'c' }
          deepEqual(plain(request), { ...header, body })
          const to = new FrameWriter(formatOf(version))
          ;(api.request as Codec<unknown>).write(to, request.body)
          const headerBytes = to.format.isFlexible ? 12 : 11
          deepEqual([version, hex(to.pieces())], [version, frame.slice(2 * headerBytes)])
        }
    })

    test(`answers to ${name} have the bytes of Apache Kafka, and are read with all their fields`, () => {
      for (const { version, responses } of ofApi)
        for (const { frame, body } of responses) {
          const format = formatOf(version)
          const headerBytes = format.isFlexible && name !== 'ApiVersions' ? 5 : 4
          const from = new FrameReader(Buffer.from(frame, 'hex'), format, headerBytes)
          const response = (api.response as Codec<never>).read(from)
          equal(from.at, from.frame.length)
          partialDeepStrictEqual(plain({ version, response }), { version, response: body })
          const written = hex(writeResponse({ api: name, version, correlationId: 7 }, response))
          const size = (frame.length / 2).toString(16).padStart(8, '0')
          deepEqual([version, written], [version, size + frame])
        }
    })
  }
})
