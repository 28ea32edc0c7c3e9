import { deepEqual, ok } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { PipelineError } from '../../src/errors.ts'
import type { TransactionalProducer } from '../../src/kafka/transactional-producer.ts'
import { batchOf, type ReadRow, TestBroker } from '../kafka/test-broker.ts'
import { randomFrom } from '../seeded-random.ts'

const rounds = 4
const partitions = 3
const seed = 20_261_129

/** A broker in a process of its own, which is killed and started again on the same folder and port. */
class KilledBroker {
  readonly #folder: string
  #child: ChildProcess | undefined
  address = ''

  constructor(t: TestContext) {
    this.#folder = mkdtempSync(join(tmpdir(), 'vgm-kill-'))
    t.after(async () => {
      await this.kill()
      rmSync(this.#folder, { recursive: true })
    })
  }

  async start(): Promise<void> {
    const program = join(import.meta.dirname, 'broker-process.ts')
    const port = this.address.split(':')[1] ?? '0'
    this.#child = spawn(process.execPath, [program, this.#folder, port], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(this.#child.stdout!, 'data')
    this.address = String(line).trim()
  }

  async kill(): Promise<void> {
    if (this.#child === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

/** What became of a transaction, as its writer was told: undefined if the answer did not come. */
interface Written {
  readonly name: string
  readonly isCommitted: boolean | undefined
}

suite('an embedded broker with a folder that is killed at any moment', () => {
  test('has every row that was acknowledged, and transactions as a whole or not at all', async (t) => {
    const random = randomFrom(seed)
    const killed = new KilledBroker(t)
    await killed.start()
    const topic = await TestBroker.at(t, killed.address).createTopic(partitions)
    const written: Written[] = []
    const end = new AbortController()
    const writing = writeUntil(end.signal, TestBroker.at(t, killed.address), topic, random, written)
    const acknowledgedMore = async () => {
      const count = () => written.filter(({ isCommitted }) => isCommitted === true).length
      for (const before = count(); count() === before; ) await sleep(10)
    }
    for (let round = 0; round < rounds; round++) {
      await acknowledgedMore()
      await sleep(400 * random())
      await killed.kill()
      await killed.start()
    }
    await acknowledgedMore()
    end.abort()
    await writing
    // Fences the last one, and with it ends what is open.
    const last = TestBroker.at(t, killed.address)
    const producer = await last.openProducer({ transactionalId: 'killed' })
    await producer.begin()
    for (let partition = 0; partition < partitions; partition++)
      await producer.produce(topic, partition, batchOf('end'))
    await producer.commit()

    const rows = await last.rows(topic)
    const found = transactionsOf(rows)
    const acknowledged = written.filter(({ isCommitted }) => isCommitted === true)
    ok(acknowledged.length > rounds, `only ${acknowledged.length} were acknowledged`)
    const lost = acknowledged.filter(({ name }) => !found.has(name))
    deepEqual(lost, [], 'acknowledged and lost')
    const rolledBack = written.filter(({ name, isCommitted }) => isCommitted === false && found.has(name))
    deepEqual(rolledBack, [], 'rolled back and there')
    for (const [name, inPartitions] of found) deepEqual([...inPartitions].sort(), [0, 1, 2], `${name} is whole`)
    // Each row once, in the order in which they were written.
    for (let partition = 0; partition < partitions; partition++) {
      const values = rows.filter((row) => row.partition === partition).map(({ value }) => value)
      deepEqual(values, [...new Set(values)])
      const order = values.map((value) => written.findIndex(({ name }) => name === nameOf(value))).slice(0, -1)
      deepEqual(
        order,
        order.toSorted((a, b) => a - b),
      )
    }
    // What the group has committed belongs to the last transaction whose rows are there.
    const newest = Math.max(...[...found.keys()].map((name) => written.findIndex((each) => each.name === name)))
    const offsets = await last.connections.committedOffsets('readers', undefined, true)
    deepEqual(
      offsets.map(({ offset }) => offset),
      [newest + 1],
    )
  })
})

/** Writes transactions over all partitions, some of which it rolls back, whatever happens to the broker. */
async function writeUntil(
  end: AbortSignal,
  broker: TestBroker,
  topic: string,
  random: () => number,
  written: Written[],
): Promise<void> {
  let producer: TransactionalProducer | undefined
  for (let count = 0; !end.aborted; count++) {
    const name = `transaction ${count}`
    const isCommit = random() < 0.8
    try {
      producer ??= await broker.openProducer({ transactionalId: 'killed', transactionTimeoutMs: 5_000 })
      await producer.begin()
      for (let partition = 0; partition < partitions; partition++)
        await producer.produce(topic, partition, batchOf(`${name}/0`, `${name}/1`))
      const offsets = [{ topic, partition: 0, offset: count + 1 }]
      await (isCommit ? producer.commit({ group: 'readers', offsets }) : producer.abort())
      written.push({ name, isCommitted: isCommit })
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error
      written.push({ name, isCommitted: undefined })
      await producer?.close()
      producer = undefined
    }
  }
}

function nameOf(value: string | null): string {
  return (value ?? '').split('/')[0]
}

/** Partitions with both rows, by transaction. */
function transactionsOf(rows: readonly ReadRow[]): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>()
  const values = new Set(rows.map(({ partition, value }) => `${partition} ${value}`))
  for (const { partition, value } of rows) {
    const name = nameOf(value)
    if (value === 'end' || !values.has(`${partition} ${name}/1`)) continue
    found.set(name, (found.get(name) ?? new Set()).add(partition))
  }
  return found
}
