import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { decodeHeaders, encodeHeaders } from '../../src/batch/record-headers.ts'
import { groupKeyPrefix, parsePositionValue, positionKey, positionValue } from '../../src/kafka/position-record.ts'

suite('records of the positions topic', () => {
  test('a value comes back as it was, with any metadata', () => {
    const position = fc.record({
      offset: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      metadata: fc.string({ unit: 'binary' }),
      topicId: fc.uuid(),
    })
    fc.assert(fc.property(position, (kept) => deepEqual(parsePositionValue(positionValue(kept)), { ...kept })))
    const withEpoch = { offset: 3, metadata: '', leaderEpoch: 7, topicId: 'a' }
    deepEqual(parsePositionValue(positionValue(withEpoch)), withEpoch)
  })

  test('a text that is not a position gives none', () => {
    for (const text of [
      '',
      'null',
      '[]',
      '7',
      '{"offset":"7","topicId":"a"}',
      '{"offset":7}',
      '{"offset":7.5,"topicId":"a"}',
    ])
      equal(parsePositionValue(text), undefined, text)
  })

  test('the keys of a group begin as those of no other one', () => {
    const at = { topic: 'trips.raw', partition: 3 }
    equal(positionKey('vgm.trips.normalize', at), '["vgm.trips.normalize","trips.raw",3]')
    fc.assert(
      fc.property(fc.string(), fc.string(), (group, other) =>
        equal(positionKey(other, at).startsWith(groupKeyPrefix(group)), group === other),
      ),
    )
  })
})

suite('headers of a record', () => {
  test('come back in their order, names that repeat and null values too', () => {
    const header = fc.tuple(fc.string(), fc.option(fc.uint8Array()))
    fc.assert(
      fc.property(fc.array(header), (headers) =>
        deepEqual(
          decodeHeaders(encodeHeaders(headers)).map(([name, value]) => [name, value && [...value]]),
          headers.map(([name, value]) => [name, value && [...value]]),
        ),
      ),
    )
  })
})
