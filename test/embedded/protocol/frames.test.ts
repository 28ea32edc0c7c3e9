import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { apis, offeredVersions, type ResponseOf } from '../../../src/embedded/protocol/apis.ts'
import { FrameReader, InvalidRequestError } from '../../../src/embedded/protocol/frame-reader.ts'
import { readRequest, writeResponse } from '../../../src/embedded/protocol/frames.ts'
import { requestFrame } from './request-frame.ts'

const kafkaFrames: readonly Buffer[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/messages.json'), 'utf8'),
).flatMap(({ requests }: { requests: { frame: string }[] }) => requests.map(({ frame }) => Buffer.from(frame, 'hex')))

const plain = { version: 0, isFlexible: false }
const flexible = { version: 0, isFlexible: true }
const emptyFetch = { maxWaitMs: 1, minBytes: 1, maxBytes: 1, isolationLevel: 0, topics: [] }
const heartbeat = { groupId: 'g', generationId: 1, memberId: 'm' }

function produced(version: number, records: Buffer): Buffer {
  const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }]
  return requestFrame('Produce', version, { transactionalId: null, acks: -1, timeoutMs: 1, topicData })
}

function fetched(records: readonly Buffer[]): ResponseOf<'Fetch'> {
  const partition = { partitionIndex: 0, errorCode: errorCodes.NONE, highWatermark: 9, abortedTransactions: null }
  return { responses: [{ topic: 't', partitions: [{ ...partition, records }] }] }
}

suite('a request', () => {
  test('of an API or a version that is not offered is refused, by name', () => {
    const frame = requestFrame('Heartbeat', 4, heartbeat)
    frame.writeInt16BE(5, 2)
    throws(() => readRequest(frame), /Heartbeat is offered in versions 0 to 4, not 5/)
    frame.writeInt16BE(-1, 2)
    throws(() => readRequest(frame), InvalidRequestError)
    frame.writeInt16BE(17, 0)
    throws(() => readRequest(frame), /no API with the key 17 is offered/)
  })

  test('for ApiVersions in an unknown version is answered in version 0, whatever it holds', () => {
    const frame = Buffer.from('0012' + '7fff' + '00000007' + '0001' + '63' + 'ffffffff', 'hex')
    const request = readRequest(frame)
    ok(request.api === 'ApiVersions')
    deepEqual([request.version, request.isVersionUnknown, request.clientId], [0, true, 'c'])
    const answer = Buffer.concat(
      writeResponse(request, { errorCode: errorCodes.UNSUPPORTED_VERSION, apiKeys: offeredVersions }),
    )
    equal(answer.readInt32BE(0), answer.length - 4)
    equal(answer.readInt16BE(8), 35)
    equal(answer.readInt32BE(10), Object.keys(apis).length)
    equal(answer.length, 14 + 6 * offeredVersions.length)
  })

  test('has its records as a view of the frame', () => {
    for (const version of [3, 11]) {
      const frame = produced(version, Buffer.from('records'))
      const request = readRequest(frame)
      ok(request.api === 'Produce')
      const [{ records }] = request.body.topicData[0].partitionData
      equal(records?.toString(), 'records')
      equal(records?.buffer, frame.buffer)
      equal(records?.byteOffset, frame.byteOffset + frame.indexOf('records'))
    }
  })

  test('may have tagged fields that we do not know, in its header and in its body', () => {
    const known = requestFrame('Heartbeat', 4, heartbeat)
    const tagged = Buffer.from('02' + '0401aa' + '7f02bbcc', 'hex')
    const header = known.subarray(0, 11)
    const body = known.subarray(12, -1)
    deepEqual(readRequest(Buffer.concat([header, tagged, body, tagged])), readRequest(known))
  })

  test('for all topics has null for them, which version 0 of Metadata says with an empty list', () => {
    const topicsOf = (version: number, topics: [] | null) => {
      const request = readRequest(requestFrame('Metadata', version, { topics }))
      return request.api === 'Metadata' ? request.body.topics : undefined
    }
    deepEqual([topicsOf(0, []), topicsOf(1, []), topicsOf(1, null), topicsOf(12, null)], [null, [], null, null])
  })

  test('that is cut anywhere is refused', () => {
    for (const frame of kafkaFrames)
      for (let length = 0; length < frame.length; length++)
        throws(() => readRequest(frame.subarray(0, length)), InvalidRequestError)
  })

  test('of random bytes is read or refused', () => {
    const isReadOrRefused = (frame: Buffer): void => {
      try {
        readRequest(frame)
      } catch (error) {
        ok(error instanceof InvalidRequestError, error as Error)
      }
    }
    const strangeBytes = fc.oneof(fc.constantFrom(0, 1, 127, 128, 255), fc.nat(255))
    const change = fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), byte: strangeBytes })
    const changed = fc.tuple(fc.constantFrom(...kafkaFrames), fc.array(change, { minLength: 1, maxLength: 4 }))
    fc.assert(
      fc.property(changed, ([frame, changes]) => {
        const copy = Buffer.from(frame)
        // The key and the version stay: what a client says next is at stake.
        for (const { at, byte } of changes) copy[4 + Math.floor(at * (copy.length - 4))] = byte
        isReadOrRefused(copy)
      }),
      { seed: 16, numRuns: 20_000 },
    )
    const head = fc.constantFrom(...kafkaFrames).map((frame) => frame.subarray(0, 12))
    fc.assert(
      fc.property(head, fc.uint8Array({ maxLength: 64 }), (start, rest) =>
        isReadOrRefused(Buffer.concat([start, rest])),
      ),
      { seed: 17, numRuns: 10_000 },
    )
  })
})

test('the offered versions name version 0 of Produce, which is refused', () => {
  const produce = offeredVersions.find(({ apiKey }) => apiKey === apis.Produce.key)
  deepEqual(produce, { apiKey: 0, minVersion: 0, maxVersion: 11 })
  throws(() => readRequest(produced(0, Buffer.alloc(0))), /Produce is offered in versions 3 to 11, not 0/)
})

suite('a frame that lies', () => {
  const refused = (hex: string, read: (from: FrameReader) => unknown, format = plain): void =>
    throws(() => read(new FrameReader(Buffer.from(hex, 'hex'), format)), InvalidRequestError)

  test('has a count or a length beyond its end, or below that of null', () => {
    refused('7fffffff' + '00', (from) => from.length(4))
    refused('fffffffe' + '00', (from) => from.length(4))
    refused('0003' + '6161', (from) => from.length(2))
    refused('ffffffff0f' + '00', (from) => from.length(4), flexible)
    refused('04' + '6161', (from) => from.length(2), flexible)
    equal(new FrameReader(Buffer.from('00', 'hex'), flexible).length(4), -1)
  })

  test('has a varint of more than 32 bits', () => {
    refused('ffffffff1f', (from) => from.unsignedVarint())
    refused('808080808000', (from) => from.unsignedVarint())
    equal(new FrameReader(Buffer.from('ffffffff0f', 'hex'), plain).unsignedVarint(), 2 ** 32 - 1)
  })

  test('has null where a value must be', () => {
    const frame = requestFrame('Heartbeat', 0, heartbeat)
    frame.writeInt16BE(-1, 11)
    throws(() => readRequest(frame), /byte 11 has null/)
  })

  test('has an offset beyond 2^53', () => {
    refused('0020000000000000', (from) => from.int64())
    refused('ffdfffffffffffff', (from) => from.int64())
    equal(new FrameReader(Buffer.from('ffe0000000000001', 'hex'), plain).int64(), Number.MIN_SAFE_INTEGER)
  })

  test('has a tagged field of another size than its value', () => {
    const frame = requestFrame('Fetch', 12, { ...emptyFetch, clusterId: 'abc' })
    const at = frame.lastIndexOf(Buffer.from('04' + '04' + '616263', 'hex'))
    equal(at > 0, true)
    for (const size of [3, 5]) {
      frame[at] = size
      const longer = Buffer.concat([frame, Buffer.alloc(9)])
      throws(() => readRequest(longer), new RegExp(`tagged field at byte \\d+ has not ${size} bytes`))
    }
  })
})

suite('an answer', () => {
  test('is written without copying its records', () => {
    const records = [Buffer.alloc(10, 1), Buffer.alloc(3, 2)]
    const request = { api: 'Fetch', version: 12, correlationId: 1 } as const
    const pieces = writeResponse(request, fetched(records))
    deepEqual(
      records.map((buffer) => pieces.includes(buffer)),
      [true, true],
    )
    const answer = Buffer.concat(pieces)
    equal(answer.readInt32BE(), answer.length - 4)
    const from = new FrameReader(answer, { version: 12, isFlexible: true }, 9)
    const [{ partitions }] = apis.Fetch.response.read(from).responses
    deepEqual(partitions[0].records, Buffer.concat(records))
  })

  test('without records is one buffer', () => {
    const answer = writeResponse({ api: 'Heartbeat', version: 4, correlationId: 7 }, { errorCode: errorCodes.NONE })
    deepEqual(answer, [Buffer.from('0000000c' + '00000007' + '00' + '00000000' + '0000' + '00', 'hex')])
  })

  test('has the defaults of what is left out', () => {
    const answer = Buffer.concat(writeResponse({ api: 'Fetch', version: 11, correlationId: 1 }, fetched([])))
    const read = apis.Fetch.response.read(new FrameReader(answer, { version: 11, isFlexible: false }, 8))
    deepEqual([read.throttleTimeMs, read.sessionId], [0, 0])
    const [{ lastStableOffset, logStartOffset, preferredReadReplica }] = read.responses[0].partitions
    deepEqual([lastStableOffset, logStartOffset, preferredReadReplica], [-1, -1, -1])
  })

  test('has an empty name where the version has no null', () => {
    const topics = [{ errorCode: errorCodes.UNKNOWN_TOPIC_ID, name: null, partitions: [] }]
    const nameIn = (version: number): string | null => {
      const answer = Buffer.concat(
        writeResponse({ api: 'Metadata', version, correlationId: 1 }, { brokers: [], topics }),
      )
      const from = new FrameReader(answer, { version, isFlexible: true }, 9)
      return apis.Metadata.response.read(from).topics[0].name
    }
    deepEqual([nameIn(11), nameIn(12)], ['', null])
  })

  test('has strings of any length that Kafka allows', () => {
    const texts = ['x'.repeat(600), 'é'.repeat(16_000), 'z']
    const groups = texts.map((groupId) => ({ groupId, protocolType: groupId }))
    const answer = Buffer.concat(
      writeResponse({ api: 'ListGroups', version: 0, correlationId: 1 }, { errorCode: 0, groups }),
    )
    const read = apis.ListGroups.response.read(new FrameReader(answer, plain, 8))
    deepEqual(
      read.groups.map(({ groupId, protocolType }) => [groupId, protocolType]),
      texts.map((text) => [text, text]),
    )
    throws(() =>
      writeResponse(
        { api: 'ListGroups', version: 0, correlationId: 1 },
        { errorCode: 0, groups: [{ groupId: 'x'.repeat(32_768), protocolType: '' }] },
      ),
    )
  })

  test('with an offset beyond 2^53, or none, is a defect', () => {
    for (const offset of [2 ** 53, 0.5, Number.NaN])
      throws(
        () =>
          writeResponse(
            { api: 'ListOffsets', version: 1, correlationId: 1 },
            { topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode: 0, offset }] }] },
          ),
        RangeError,
      )
  })
})
