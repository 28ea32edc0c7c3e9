import { deepEqual, ok } from 'node:assert/strict'
import { workerData } from 'node:worker_threads'
import fc from 'fast-check'
import { RecordBatchWriter } from '../../../src/batch/record-batch-writer.ts'
import { PipelineError } from '../../../src/errors.ts'
import { BrokerConnections } from '../../../src/kafka/broker-connections.ts'
import { FencedError } from '../../../src/kafka/broker-errors.ts'
import { TransactionalProducer } from '../../../src/kafka/transactional-producer.ts'
import { randomFrom } from '../../seeded-random.ts'
import { committedRows } from './committed-rows.ts'
import { faultOf, transactionRequests } from './faults.ts'
import { ModelBroker, type ModelOptions } from './model-broker.ts'
import { VirtualTime } from './virtual-time.ts'

/*
 * One producer, called as its contract allows: begin, produce, commit or abort, in any order and at any time, over two
 * partitions. Whatever happens to its requests, a transaction is seen as a whole or not at all.
 */

const topic = 'rows'
const transactionTimeoutMs = 10_000
const partitions = 2

/** What is known of the producer. */
interface Model {
  readonly firstSequence: number
  /** nothing is done to the brokers: nothing may fail */
  readonly isCalm: boolean
  isOpen: boolean
  /** something was done that may make a call fail */
  isDisturbed: boolean
  /** it has thrown, and only `abort` helps */
  hasFailed: boolean
  /** nothing helps: it was fenced, or an abort has failed */
  isLost: boolean
  /** rows of the open transaction, by partition */
  rows: string[][]
  /** transactions in order: `unknown` after a commit that has thrown */
  readonly past: { readonly rows: string[][]; readonly fate: 'seen' | 'unseen' | 'unknown' }[]
  made: number
}

interface Real {
  readonly time: VirtualTime
  readonly broker: ModelBroker
  readonly producer: TransactionalProducer
}

type Step = fc.AsyncCommand<Model, Real>

/** Runs a call; what it throws must be an error that we expect, and is noted. */
async function attempt(model: Model, call: () => Promise<void>): Promise<boolean> {
  try {
    await call()
    return true
  } catch (error) {
    ok(error instanceof PipelineError, error instanceof Error ? error.stack : String(error))
    if (!model.isDisturbed) throw error
    model.hasFailed = true
    model.isLost = error instanceof FencedError
    return false
  }
}

function end(model: Model, fate: 'seen' | 'unseen' | 'unknown'): void {
  model.past.push({ rows: model.rows, fate })
  model.rows = Array.from({ length: partitions }, () => [])
  model.isOpen = false
  model.hasFailed = false
}

class Begin implements Step {
  readonly #expected: readonly number[]
  constructor(expected: readonly number[]) {
    this.#expected = expected
  }
  check = ({ isOpen, isLost }: Readonly<Model>) => !isOpen && !isLost
  async run(model: Model, { producer }: Real): Promise<void> {
    model.isOpen = true
    // The marker of a transaction without rows would make the producer known, and known ones begin with the sequence 0.
    const expected = model.firstSequence === 0 ? this.#expected : []
    await attempt(model, () => producer.begin(expected.map((partition) => ({ topic, partition }))))
  }
  toString = () => `begin([${this.#expected}])`
}

class Produce implements Step {
  readonly #partition: number
  readonly #rows: number
  constructor(partition: number, rows: number) {
    this.#partition = partition
    this.#rows = rows
  }
  check = ({ isOpen, hasFailed }: Readonly<Model>) => isOpen && !hasFailed
  async run(model: Model, { producer }: Real): Promise<void> {
    const values = Array.from({ length: this.#rows }, () => `row ${model.made++}`)
    const batch = new RecordBatchWriter(1_000)
    for (const value of values) batch.append(1_700_000_000_000, null, Buffer.from(value))
    if (await attempt(model, () => producer.produce(topic, this.#partition, batch)))
      model.rows[this.#partition].push(...values)
  }
  toString = () => `produce(${this.#partition}, ${this.#rows})`
}

class Commit implements Step {
  check = ({ isOpen, hasFailed }: Readonly<Model>) => isOpen && !hasFailed
  async run(model: Model, { producer }: Real): Promise<void> {
    const { rows } = model
    if (await attempt(model, () => producer.commit())) return end(model, 'seen')
    model.past.push({ rows, fate: 'unknown' })
    model.rows = Array.from({ length: partitions }, () => [])
  }
  toString = () => 'commit'
}

class Abort implements Step {
  check = ({ isOpen, isLost }: Readonly<Model>) => isOpen && !isLost
  async run(model: Model, { producer }: Real): Promise<void> {
    if (await attempt(model, () => producer.abort())) end(model, 'unseen')
    else model.isLost = true
  }
  toString = () => 'abort'
}

class Elapse implements Step {
  readonly #ms: number
  constructor(ms: number) {
    this.#ms = ms
  }
  check = () => true
  async run(model: Model, { time }: Real): Promise<void> {
    if (model.isOpen && this.#ms > transactionTimeoutMs) model.isDisturbed = true
    await time.sleep(this.#ms)
  }
  toString = () => `elapse ${this.#ms}`
}

class Disturb implements Step {
  readonly #request: Parameters<ModelBroker['addFault']>[0]
  readonly #fault: Parameters<ModelBroker['addFault']>[1]
  constructor(request: Parameters<ModelBroker['addFault']>[0], fault: Parameters<ModelBroker['addFault']>[1]) {
    this.#request = request
    this.#fault = fault
  }
  check = ({ isCalm }: Readonly<Model>) => !isCalm
  async run(model: Model, { broker }: Real): Promise<void> {
    model.isDisturbed = true
    broker.addFault(this.#request, this.#fault)
  }
  toString = () => `disturb(${this.#request}, ${JSON.stringify(this.#fault)})`
}

class Move implements Step {
  check = ({ isCalm }: Readonly<Model>) => !isCalm
  async run(model: Model, { broker }: Real): Promise<void> {
    // A batch behind the first one is not sent again: its transaction is.
    model.isDisturbed = true
    broker.moveCoordinators(20)
    for (let partition = 0; partition < partitions; partition++) broker.moveLeader(topic, partition)
  }
  toString = () => 'move'
}

class Restart implements Step {
  check = ({ isCalm }: Readonly<Model>) => !isCalm
  async run(model: Model, { broker }: Real): Promise<void> {
    model.isDisturbed = true
    broker.restart()
  }
  toString = () => 'restart'
}

const partition = fc.nat({ max: partitions - 1 })
const request = fc.constantFrom(
  ...transactionRequests.filter((name) => name !== 'AddOffsetsToTxn' && name !== 'TxnOffsetCommit'),
)
// A command that cannot be run is skipped: what comes often is what there is to do most of the time.
const steps = fc.commands(
  [
    fc.uniqueArray(partition).map((expected) => new Begin(expected)),
    fc.uniqueArray(partition).map((expected) => new Begin(expected)),
    ...Array.from({ length: 4 }, () =>
      fc.tuple(partition, fc.integer({ min: 1, max: 3 })).map((of) => new Produce(...of)),
    ),
    ...Array.from({ length: 3 }, () => fc.constant(new Commit())),
    fc.constant(new Abort()),
    fc.oneof(fc.nat({ max: 50 }), fc.constant(transactionTimeoutMs + 1_000)).map((ms) => new Elapse(ms)),
    request.chain((name) => faultOf(name).map((fault) => new Disturb(name, fault))),
    fc.constant(new Move()),
    fc.constant(new Restart()),
  ],
  { maxCommands: 40, size: 'max' },
)

const options: fc.Arbitrary<ModelOptions & { readonly firstSequence: number; readonly isCalm: boolean }> = fc.record({
  isCalm: fc.boolean(),
  seed: fc.integer(),
  nodes: fc.integer({ min: 1, max: 3 }),
  keepsLastEpoch: fc.boolean(),
  firstEpoch: fc.constantFrom(0, 32_764),
  firstSequence: fc.constantFrom(0, 2 ** 31 - 5),
})

const forEverMs = 3_600_000

/** Rows of transactions that must be seen, in order, with those that may be where they may be. */
function check({ past, rows }: Model, broker: ModelBroker): void {
  const all = Array.from({ length: partitions }, (_, partition) => committedRows(broker.log(topic, partition)))
  const seen = new Set(all.flat())
  deepEqual(seen.size, all.flat().length, 'each row once')
  for (const [of, written] of all.entries()) {
    const expected = past.flatMap(({ rows: each, fate }) => {
      const some = each.flat().filter((row) => seen.has(row))
      if (fate === 'unknown') ok(some.length === 0 || some.length === each.flat().length, 'as a whole or not at all')
      return fate === 'seen' || (fate === 'unknown' && some.length > 0) ? each[of] : []
    })
    deepEqual(written, expected, `rows of partition ${of}; open: ${rows[of]}`)
  }
}

// Brokers answer thousands of errors, whose stacks would take a tenth of the time: only who looks for a defect wants
// them.
Error.stackTraceLimit = process.env.VGM_MODEL_SEED === undefined ? 0 : 10

const { runs, seed } = workerData as { runs: number; seed: number }
await fc.assert(
  fc.asyncProperty(options, steps, async (chosen, commands) => {
    const time = new VirtualTime(randomFrom(chosen.seed))
    const broker = new ModelBroker(time, chosen)
    broker.createTopic(topic, partitions)
    await time.run(
      () =>
        broker.network.use(async () => {
          const { firstSequence, isCalm } = chosen
          const connections = new BrokerConnections({ brokers: broker.brokers, clientId: 'producer' })
          const producer = await TransactionalProducer.open(connections, {
            transactionalId: 'tx',
            compression: 'none',
            transactionTimeoutMs,
            firstSequence,
          })
          const model: Model = {
            firstSequence,
            isCalm,
            isOpen: false,
            isDisturbed: false,
            hasFailed: false,
            isLost: false,
            rows: [[], []],
            past: [],
            made: 0,
          }
          await fc.asyncModelRun(() => ({ model, real: { time, broker, producer } }), commands)
          broker.heal()
          await producer.close()
          await connections.close()
          // What was late, and the time-out of what was left.
          await time.sleep(40_000)
          deepEqual(broker.openTransactions(), [])
          check(model, broker)
        }),
      forEverMs,
    )
  }),
  { numRuns: runs, seed },
)
