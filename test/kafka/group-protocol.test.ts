import { deepEqual, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import kafkajs from 'kafkajs'
import { decodeAssignment, encodeAssignment, encodeSubscription, shareOut } from '../../src/kafka/group-protocol.ts'

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol

const topic = fc.stringMatching(/^[a-zA-Z0-9._-]{1,40}$/)
const partitions = fc.uniqueArray(fc.nat(10_000), { maxLength: 50 })
const memberNames = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 20 })
const seeded = { seed: 11, numRuns: 300 }

suite('group protocol', () => {
  test('decoding an assignment undoes encoding it', () => {
    fc.assert(
      fc.property(topic, partitions, (name, owned) => {
        deepEqual(
          decodeAssignment(encodeAssignment(name, owned)),
          owned.map((partition) => ({ topic: name, partition })),
        )
      }),
      seeded,
    )
  })

  test('other clients read our subscriptions and assignments', () => {
    fc.assert(
      fc.property(topic, partitions, (name, owned) => {
        deepEqual(MemberMetadata.decode(encodeSubscription(name, owned.length))?.topics, [name])
        const { assignment } = MemberAssignment.decode(encodeAssignment(name, owned)) ?? {}
        deepEqual({ ...assignment }, { [name]: owned })
      }),
      seeded,
    )
  })

  test('we read assignments that other clients make, of several topics too', () => {
    const encoded = MemberAssignment.encode({
      version: 1,
      assignment: { a: [2, 0], b: [], c: [7] },
      userData: Buffer.from('x'),
    })
    deepEqual(decodeAssignment(encoded), [
      { topic: 'a', partition: 2 },
      { topic: 'a', partition: 0 },
      { topic: 'c', partition: 7 },
    ])
  })

  test('a member without an assignment owns nothing', () => {
    deepEqual(decodeAssignment(new Uint8Array(0)), [])
  })

  test('shares cover each partition once and differ by one at most', () => {
    fc.assert(
      fc.property(fc.nat(200), memberNames, (count, members) => {
        const shares = shareOut(count, members)
        deepEqual([...shares.keys()].sort(), members.toSorted())
        const all = [...shares.values()].flat()
        deepEqual(
          all.toSorted((a, b) => a - b),
          Array.from({ length: count }, (_, i) => i),
        )
        const sizes = [...shares.values()].map((share) => share.length)
        ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
      }),
      seeded,
    )
  })

  test('shares depend on the names of the members, not on the order in which they came', () => {
    fc.assert(
      fc.property(fc.nat(50), memberNames, (count, members) => {
        deepEqual(shareOut(count, members.toReversed()), shareOut(count, members))
      }),
      seeded,
    )
  })
})
