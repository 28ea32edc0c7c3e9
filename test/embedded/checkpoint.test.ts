import { deepEqual, equal, ok } from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { type LogOptions, PartitionLog } from '../../src/embedded/core/partition-log.ts'
import { FileStorage } from '../../src/embedded/file-storage.ts'
import { systemFiles } from '../../src/embedded/file-system.ts'
import { batchOf, startMs, valuesOf } from './core/batches.ts'
import { FakeClock } from './core/fake-clock.ts'

const root = mkdtempSync(join(tmpdir(), 'vgm-checkpoint-'))
after(() => rmSync(root, { recursive: true }))
let made = 0
const clock = new FakeClock()

/** A log in a folder, and how many bytes of its segments have been read since it was opened. */
function openLog(folder: string, config: LogOptions['config'] = {}) {
  let readBytes = 0
  const files: typeof systemFiles = {
    ...systemFiles,
    read(...args) {
      const count = systemFiles.read(...args)
      readBytes += count
      return count
    },
  }
  const storage = new FileStorage(folder, { files, segmentBytes: 256 * 1024 })
  const log = new PartitionLog({ storage, clock, config })
  return { log, storage, readBytes }
}

const valueBytes = 10_000
const row = (i: number) => `${i} `.padEnd(valueBytes, 'x')

/** A log of 200 batches of 10 kB, plain ones and some of transactions, of which one was rolled back and one is open. */
async function filledLog() {
  const folder = join(root, String(made++))
  const { log } = openLog(folder)
  const isKnown = () => 0
  const transactional = (i: number, producerId: bigint, sequence: number) =>
    log.append(batchOf([row(i)], { producerId, sequence, isTransactional: true }), isKnown)
  for (let i = 0; i < 196; i++) await log.append(batchOf([{ value: row(i), timestampMs: startMs + i }]))
  await transactional(196, 5n, 0)
  log.mark({ producerId: 5n, producerEpoch: 0, isCommit: false })
  await transactional(198, 5n, 1)
  log.mark({ producerId: 5n, producerEpoch: 0, isCommit: true })
  await transactional(200, 7n, 0)
  await transactional(201, 6n, 0)
  return { folder, log }
}

/** All that readers and producers get to know of a log. */
function stateOf(log: PartitionLog) {
  const { buffers, aborted } = log.fetch(log.startOffset, 1e9, 'read_uncommitted')
  const committed = log.fetch(log.startOffset, 1e9, 'read_committed')
  return {
    offsets: [log.startOffset, log.lastStableOffset, log.endOffset, log.cutBytes],
    rows: valuesOf(buffers).map((value) => value?.trim().split(' ')[0]),
    aborted: [...aborted, ...committed.aborted],
    producers: log.producers(),
    times: [0, 50, 99, 150].map((time) => log.offsetOf(startMs + time, 'read_uncommitted')),
    found: [3, 60, 197].map((offset) => log.fetch(offset, 1, 'read_uncommitted').sizeBytes),
    epochs: [0, 1, 2].map((epoch) => log.endOfEpoch(epoch)),
  }
}

/** The same folder without its checkpoint: what a start finds that reads everything. */
function withoutCheckpoint(folder: string): PartitionLog {
  const copy = join(root, String(made++))
  systemFiles.makeFolder(copy)
  for (const name of readdirSync(folder)) if (name !== 'checkpoint') copyFileSync(join(folder, name), join(copy, name))
  return openLog(copy).log
}

suite('a checkpoint of a log in files', () => {
  test('spares a start all reading but that of the last batches', async () => {
    const { folder, log } = await filledLog()
    await log.checkpoint()
    const again = openLog(folder)
    ok(again.readBytes < 60_000, `${again.readBytes} bytes were read`)
    deepEqual(stateOf(again.log), stateOf(withoutCheckpoint(folder)))
    deepEqual(again.log.lastStableOffset, 200)
  })

  test('spares a start after a kill all but what came later', async () => {
    const { folder, log } = await filledLog()
    await log.checkpoint()
    for (let i = 202; i < 212; i++) await log.append(batchOf([row(i)]))
    log.mark({ producerId: 7n, producerEpoch: 0, isCommit: false })
    const again = openLog(folder)
    ok(again.readBytes > 10 * valueBytes && again.readBytes < 300_000, `${again.readBytes} bytes were read`)
    deepEqual(stateOf(again.log), stateOf(withoutCheckpoint(folder)))
  })

  test('is right though the front was cut later, to anywhere', async () => {
    for (const offset of [1, 60, 197, 201, 202, 205]) {
      const { folder, log } = await filledLog()
      await log.checkpoint()
      for (let i = 202; i < 206; i++) await log.append(batchOf([row(i)]))
      equal(log.deleteRecords(offset), 0)
      const { log: again } = openLog(folder)
      deepEqual([again.startOffset, again.endOffset, again.cutBytes], [offset, 206, 0])
      deepEqual(stateOf(again).rows, stateOf(log).rows)
      deepEqual(stateOf(again).found, stateOf(log).found)
    }
  })

  test('is taken again where a lot has come', async () => {
    const { log } = await filledLog()
    equal(log.needsCheckpoint, false)
    const large = batchOf(['x'.repeat(1_000_000)])
    for (let i = 0; i < 70; i++) await log.append(large)
    equal(log.needsCheckpoint, true)
    await log.checkpoint()
    equal(log.needsCheckpoint, false)
  })

  for (const [what, spoil] of [
    ['that is torn', (bytes: Buffer) => bytes.subarray(0, bytes.length - 7)],
    ['that is empty', () => Buffer.alloc(0)],
    ['that has changed', (bytes: Buffer) => Buffer.from(bytes).fill(1, 30, 31)],
  ] as const)
    test(`${what} is ignored, and removed`, async () => {
      const { folder, log } = await filledLog()
      await log.checkpoint()
      const path = join(folder, 'checkpoint')
      writeFileSync(path, spoil(readFileSync(path)))
      const again = openLog(folder)
      ok(again.readBytes > 200 * valueBytes)
      equal(existsSync(path), false)
      deepEqual(stateOf(again.log), stateOf(withoutCheckpoint(folder)))
    })

  test('of the log before it was compacted is ignored', async () => {
    const folder = join(root, String(made++))
    const config = { hasCompactPolicy: true, hasDeletePolicy: false }
    const { log } = openLog(folder, config)
    for (let i = 0; i < 9; i++)
      await log.append(
        batchOf([
          { key: 'k', value: row(i) },
          { key: String(i), value: row(i) },
        ]),
      )
    await log.checkpoint()
    const stale = readFileSync(join(folder, 'checkpoint'))
    log.compact()
    const compacted = stateOf(log)
    for (const bytes of [stale, undefined]) {
      if (bytes !== undefined) writeFileSync(join(folder, 'checkpoint'), bytes)
      const { log: again } = openLog(folder, config)
      deepEqual(stateOf(again).rows, compacted.rows)
      deepEqual(stateOf(again).found, compacted.found)
    }
  })

  test('of a log that has lost its end is ignored, and for good', async () => {
    const { folder, log } = await filledLog()
    await log.checkpoint()
    const segment = readdirSync(folder)
      .filter((name) => name.endsWith('.log'))
      .sort()
      .at(-1)!
    truncateSync(join(folder, segment), 10_000)
    const { log: shorter } = openLog(folder)
    ok(shorter.endOffset < log.endOffset)
    // It grows beyond the place that the checkpoint speaks of.
    while (shorter.endOffset < log.endOffset + 5) await shorter.append(batchOf([row(shorter.endOffset)]))
    const { log: again } = openLog(folder)
    deepEqual(stateOf(again).rows, stateOf(shorter).rows)
    deepEqual(stateOf(again).producers, stateOf(withoutCheckpoint(folder)).producers)
  })

  test('of another log is ignored', async () => {
    const { folder, log } = await filledLog()
    await log.checkpoint()
    const other = join(root, String(made++))
    const { log: rows } = openLog(other)
    for (let i = 0; i < 300; i++) await rows.append(batchOf([row(i), 'more']))
    copyFileSync(join(folder, 'checkpoint'), join(other, 'checkpoint'))
    const { log: again } = openLog(other)
    deepEqual(stateOf(again).rows, stateOf(rows).rows)
    deepEqual(again.producers(), [])
  })
})
