import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { MemoryStorage } from '../../../src/embedded/core/memory-storage.ts'
import { PartitionLog } from '../../../src/embedded/core/partition-log.ts'
import { errorCodes } from '../../../src/embedded/error-codes.ts'
import { committedRows } from '../../kafka/model/committed-rows.ts'
import { batchOf } from './batches.ts'
import { FakeClock } from './fake-clock.ts'

type Step =
  | { readonly kind: 'send'; readonly producer: number; readonly rows: number; readonly bytes: number }
  | { readonly kind: 'end'; readonly producer: number; readonly isCommit: boolean }
  | { readonly kind: 'plain'; readonly rows: number }
  | { readonly kind: 'reopen' }

const producer = fc.nat(2)
const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record<Step & { kind: 'send' }>({
        kind: fc.constant('send'),
        producer,
        rows: fc.integer({ min: 1, max: 3 }),
        bytes: fc.nat(3_000),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record<Step & { kind: 'end' }>({ kind: fc.constant('end'), producer, isCommit: fc.boolean() }),
    },
    {
      weight: 2,
      arbitrary: fc.record<Step & { kind: 'plain' }>({
        kind: fc.constant('plain'),
        rows: fc.integer({ min: 1, max: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant<Step>({ kind: 'reopen' }) },
  ),
  { maxLength: 60 },
)

/** Everything that a log answers. */
function answersOf(log: PartitionLog): unknown {
  const fetched = (offset: number, maxBytes: number) => {
    const { buffers, aborted, ...rest } = log.fetch(offset, maxBytes, 'read_committed')
    return { ...rest, bytes: Buffer.concat(buffers).toString('base64'), aborted }
  }
  return {
    offsets: [log.startOffset, log.endOffset, log.lastStableOffset],
    fetched: Array.from({ length: log.endOffset }, (_, offset) => [fetched(offset, 1), fetched(offset, 5_000)]),
    producers: log.producers().toSorted((a, b) => Number(a.producerId - b.producerId)),
  }
}

suite('a partition log under any transactions of several producers', () => {
  test('shows what was committed, each row once and in order, and is the same when it is opened again', () =>
    fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const clock = new FakeClock()
        const storage = new MemoryStorage()
        let log = new PartitionLog({ storage, clock })
        const rows: { readonly value: string; readonly producer: number; fate: 'open' | 'seen' | 'gone' }[] = []
        const sequences = [0, 0, 0]
        const add = (count: number, bytes: number, of: number) =>
          Array.from({ length: count }, () => {
            const value = `${rows.length} ${'x'.repeat(bytes)}`
            rows.push({ value, producer: of, fate: of < 0 ? 'seen' : 'open' })
            return value
          })
        for (const step of all)
          if (step.kind === 'send') {
            const facts = {
              producerId: BigInt(step.producer),
              sequence: sequences[step.producer],
              isTransactional: true,
            }
            const batch = batchOf(add(step.rows, step.bytes, step.producer), facts)
            const { error, baseOffset } = await log.append(batch, () => errorCodes.NONE)
            equal(error, errorCodes.NONE)
            deepEqual((await log.append(batch)).baseOffset, baseOffset, 'a batch that is sent twice')
            sequences[step.producer] += step.rows
          } else if (step.kind === 'end') {
            const { isCommit } = step
            equal(log.mark({ producerId: BigInt(step.producer), producerEpoch: 0, isCommit }), errorCodes.NONE)
            for (const row of rows)
              if (row.producer === step.producer && row.fate === 'open') row.fate = isCommit ? 'seen' : 'gone'
          } else if (step.kind === 'plain') await log.append(batchOf(add(step.rows, 10, -1)))
          else {
            const before = answersOf(log)
            log = new PartitionLog({ storage, clock })
            equal(log.cutBytes, 0)
            deepEqual(answersOf(log), before)
          }
        const firstOpen = rows.findIndex(({ fate }) => fate === 'open')
        const stable = firstOpen < 0 ? rows : rows.slice(0, firstOpen)
        deepEqual(
          committedRows(log),
          stable.filter(({ fate }) => fate === 'seen').map(({ value }) => value),
        )
      }),
      { numRuns: 150 },
    ))
})
