import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readBatchHeader } from '../../src/batch/batch-header.ts'
import type { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { InterruptedError } from '../../src/errors.ts'
import { RegistryUnreachableError } from '../../src/kafka/registry-errors.ts'
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import type { FetchedPartition, GroupSession, PartitionOffset } from '../../src/ports/log.ts'
import type { CommittedSlice } from '../../src/ports/stage-event.ts'
import { rowErrors } from '../../src/rows/row-error.ts'
import type { Pace } from '../../src/stages/pace.ts'
import type { RowTarget, RowTransform } from '../../src/stages/row-transform.ts'
import { type TransformOptions, transformTopic } from '../../src/stages/stage-loop.ts'
import { TimeFilter } from '../../src/stages/time-filter.ts'
import { dataBatch } from '../kafka/batch-bytes.ts'

const rowsPerBatch = 4

/** A session over one partition in memory; what it commits is what counts. */
class ScriptedSession implements GroupSession {
  mustCommit = false
  committed = 0
  position = 0
  /** `topic: rows` of each batch that was committed */
  readonly written: string[] = []
  readonly end: number
  closed = false
  #open: string[] = []
  /** what commit answers, in turn; true when the script is over */
  commits: boolean[] = []
  polls = 0
  aborts = 0

  constructor(end: number) {
    this.end = end
  }

  async poll(): Promise<readonly FetchedPartition[]> {
    this.polls++
    if (this.position >= this.end) {
      await sleep(1)
      return []
    }
    const bytes = dataBatch(rowsPerBatch, { baseOffset: this.position, producerId: 1n, isTransactional: true })
    const view = new DataView(bytes.buffer)
    const header = readBatchHeader(bytes, view, 0)!
    const fromOffset = this.position
    this.position = header.lastOffset + 1
    const batches = [header]
    return [
      { topic: 't', partition: 0, bytes, view, batches, fromOffset, toOffset: Infinity, nextOffset: this.position },
    ]
  }

  rests = 0
  async rest(): Promise<void> {
    this.rests++
    await sleep(1)
  }

  giveBack(_: readonly FetchedPartition[], offset: number): void {
    this.position = offset
  }

  async produce(topic: string, _partition: number, batch: RecordBatchWriter): Promise<void> {
    this.#open.push(`${topic}: ${batch.recordCount}`)
    batch.clear()
  }

  async commit(): Promise<boolean> {
    const isCommitted = this.commits.shift() ?? true
    if (isCommitted) {
      this.written.push(...this.#open)
      this.committed = this.position
    } else this.position = this.committed
    this.#open = []
    return isCommitted
  }

  async abort(): Promise<void> {
    this.aborts++
    this.position = this.committed
    this.#open = []
  }

  positions(): readonly PartitionOffset[] {
    return [{ topic: 't', partition: 0, offset: this.position }]
  }

  async close(): Promise<void> {
    this.closed = true
  }
}

class Copy implements RowTransform {
  readonly modelVersion = 9
  readonly kernel = new RowKernel()
  slices = 0
  async beginSlice(): Promise<void> {
    this.slices++
  }
  async apply(from: number, to: number, target: RowTarget): Promise<number> {
    const { records } = this.kernel
    this.kernel.beginCopy()
    await target.output.encodeRows(this.kernel, from, to - 1)
    await target.deadLetter(records, to - 1, rowErrors.malformed)
    return to
  }
}

const sizes = { batchBytes: 10_000, largestBytes: 10_000 }

function optionsFor(session: GroupSession, more: Partial<TransformOptions> = {}): TransformOptions {
  return {
    session,
    transform: new Copy(),
    stage: 'copy',
    outputTopic: 'out',
    outputPartition: (partition) => partition,
    deadLetterTopic: 'dead',
    sizes: { output: sizes, deadLetters: sizes },
    sliceMs: 20,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...more,
  }
}

const ends = (offset: number) => [{ topic: 't', partition: 0, offset }]

suite('transform a topic', () => {
  test('it stops at the end offsets, and reports what was committed', async () => {
    const session = new ScriptedSession(100)
    const { rowsIn, rowsOut, deadLetters } = await transformTopic(optionsFor(session, { ends: ends(100) }))
    deepEqual([rowsIn, rowsOut, deadLetters, session.committed], [100, 75, 25, 100])
  })

  test('rows of an aborted slice are neither sent nor counted twice', async () => {
    const session = new ScriptedSession(40)
    session.commits = [false, false, true]
    const { rowsIn, rowsOut, deadLetters } = await transformTopic(optionsFor(session, { ends: ends(40) }))
    deepEqual([rowsIn, rowsOut, deadLetters], [40, 30, 10])
    const sent = (topic: string) =>
      session.written
        .filter((batch) => batch.startsWith(topic))
        .reduce((sum, batch) => sum + Number(batch.split(': ')[1]), 0)
    deepEqual([sent('out'), sent('dead')], [30, 10])
  })

  test('each committed slice is reported, rows in are rows out and dead letters; no aborted one counts', async () => {
    const session = new ScriptedSession(2_000)
    session.commits = [true, false, true, false, false]
    const slices: CommittedSlice[] = []
    let turns = 0
    const onProgress = (_: unknown, slice: CommittedSlice) => void slices.push(slice)
    const onTurn = () => void turns++
    await transformTopic(optionsFor(session, { ends: ends(2_000), sliceMs: 1, onProgress, onTurn }))
    const sum = (of: (slice: CommittedSlice) => number) => slices.reduce((total, slice) => total + of(slice), 0)
    deepEqual([sum(({ rowsIn }) => rowsIn), sum(({ rowsOut }) => rowsOut)], [2_000, 1_500])
    ok(slices.length > 1 && turns >= slices.length + 3)
    for (const { rowsIn, rowsOut, deadLetters, bytesIn, bytesOut, seconds } of slices) {
      const [{ code, rows, partition, offset }] = deadLetters
      deepEqual([code, rows, partition, rowsOut + rows], ['VGM_ROW_MALFORMED', rowsIn / rowsPerBatch, 0, rowsIn])
      equal(offset % rowsPerBatch, rowsPerBatch - 1, 'the first one of the slice')
      ok(bytesIn > rowsIn && bytesOut > rowsIn && seconds > 0)
    }
  })

  test('a session that asks for it gets its commit at once, and its end is believed only after that', async () => {
    const session = new ScriptedSession(12)
    const poll = session.poll.bind(session)
    session.poll = async () => {
      if (session.polls === 2) session.mustCommit = true
      return poll()
    }
    const commit = session.commit.bind(session)
    let commits = 0
    session.commit = async () => {
      session.mustCommit = false
      // The rebalance took the slice: the position goes back.
      if (commits++ === 0) session.commits = [false]
      return commit()
    }
    const { rowsIn } = await transformTopic(optionsFor(session, { ends: ends(12), sliceMs: 60_000 }))
    deepEqual([rowsIn, commits], [12, 2])
  })

  test('a pace of so many rows is kept within batches, and a pause commits what is open', async () => {
    const session = new ScriptedSession(98)
    let [allowed, isPaused] = [3, false]
    const slices: number[] = []
    const pace: Pace = {
      get isPaused() {
        return isPaused
      },
      allowance: () => (isPaused ? 0 : allowed),
      took: (rows) => {
        slices.push(rows)
        if (slices.length === 5) isPaused = true
        if (slices.length === 6) allowed = Infinity
      },
    }
    const rest = session.rest.bind(session)
    session.rest = async () => {
      if (session.rests === 3) isPaused = false
      await rest()
    }
    const { rowsIn } = await transformTopic(optionsFor(session, { pace, ends: ends(98), sliceMs: 60_000 }))
    deepEqual([rowsIn, session.committed, slices.slice(0, 6)], [98, 98, [3, 3, 3, 3, 3, 3]])
    equal(session.rests, 4)
  })

  test('rows outside of a range of times are left out, and are not counted as read', async () => {
    const session = new ScriptedSession(40)
    session.commits = [false, true]
    const filter = new TimeFilter(new Copy(), { fromMs: 1, toMs: 3, isStrict: true }, undefined)
    const apply = filter.apply.bind(filter)
    filter.apply = (...of) => {
      const { records } = filter.kernel
      for (let row = 0; row < records.count; row++) records.timestampMs[row] = row % rowsPerBatch
      return apply(...of)
    }
    const { rowsIn, rowsOut, deadLetters, times } = await transformTopic(
      optionsFor(session, { transform: filter, ends: ends(40) }),
    )
    // Of each four rows the second and the third; of those the last is a dead letter.
    deepEqual([rowsIn, rowsOut, deadLetters, times?.leftOut], [20, 10, 10, 20])
    deepEqual(times?.goesBack, [{ partition: 0, offset: 4 }])
  })

  test('a member without partitions is done', async () => {
    const session = new ScriptedSession(0)
    session.positions = () => []
    equal((await transformTopic(optionsFor(session, { ends: ends(100) }))).rowsIn, 0)
  })

  test('an interruption commits the slice that is open', async () => {
    const session = new ScriptedSession(8)
    const stop = new AbortController()
    const poll = session.poll.bind(session)
    session.poll = async () => {
      if (session.polls === 2) stop.abort()
      return poll()
    }
    await rejects(transformTopic(optionsFor(session, { signal: stop.signal, sliceMs: 60_000 })), InterruptedError)
    equal(session.committed, 8)
  })

  suite('an interruption does not wait for long, and a late error disturbs nobody', { concurrency: true }, () => {
    for (const stuck of ['beginSlice', 'poll', 'apply'] as const)
      test(`of ${stuck}`, async () => {
        const session = new ScriptedSession(100)
        const transform = new Copy()
        const stop = new AbortController()
        const { promise: stuckWork, reject: end } = Promise.withResolvers<never>()
        const never = () => stuckWork
        if (stuck === 'poll') session.poll = never
        else transform[stuck] = never
        setTimeout(() => stop.abort(), 100)
        await rejects(transformTopic(optionsFor(session, { transform, signal: stop.signal })), InterruptedError)
        equal(session.committed, 0)
        end(new Error('the connection was closed'))
        await sleep(20) // node ends the run if nobody takes the late error
      })
  })

  for (const waiting of ['beginSlice', 'apply'] as const)
    test(`rows that have to wait in ${waiting} give their slice up, and come once when the wait is over`, async () => {
      const session = new ScriptedSession(40)
      const transform = new Copy()
      const work = transform[waiting].bind(transform) as (...args: unknown[]) => Promise<never>
      let calls = 0
      transform[waiting] = async (...args: unknown[]) => {
        if (++calls > 2 && calls < 6) throw new RegistryUnreachableError('http://registry', 'connect ECONNREFUSED')
        return work(...args)
      }
      const { rowsIn, rowsOut } = await transformTopic(optionsFor(session, { transform, ends: ends(40), sliceMs: 0 }))
      deepEqual([rowsIn, rowsOut, session.aborts, session.committed], [40, 30, 3, 40])
    })

  test('too many dead letters stop the stage, and nothing of their slice is written', async () => {
    const session = new ScriptedSession(10_000)
    const transform = new Copy()
    transform.apply = async (from, to, target) => {
      const { records } = transform.kernel
      for (let row = from; row < to; row++) await target.deadLetter(records, row, rowErrors.schemaMismatch)
      return to
    }
    await rejects(transformTopic(optionsFor(session, { transform, sliceMs: 60_000 })), {
      code: 'VGM_DEAD_LETTER_SHARE',
      exitCode: 1,
    })
    deepEqual([session.committed, session.written, session.position], [0, [], 1_000])
  })

  test('an error of the transform comes out, and its slice is not committed', async () => {
    const session = new ScriptedSession(100)
    const transform = new Copy()
    let calls = 0
    const apply = transform.apply.bind(transform)
    transform.apply = async (...args) => {
      if (++calls === 3) throw new RangeError('broken')
      return apply(...args)
    }
    await rejects(transformTopic(optionsFor(session, { transform, sliceMs: 60_000 })), /broken/)
    deepEqual([session.committed, session.written], [0, []])
  })
})
