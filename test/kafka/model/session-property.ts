import { workerData } from 'node:worker_threads'
import fc from 'fast-check'
import { faultOf, transactionRequests } from './faults.ts'
import { input, ModelWorld, output, positions, type WorldOptions } from './model-world.ts'
import { type RequestName, requestNames } from './refusals.ts'

/** Something that is done to the world. */
interface Deed {
  readonly what: string
  readonly run: (world: ModelWorld) => Promise<void> | void
}

/** Rows come, something is done to the world, and it is left alone for a while. */
class DeedCommand implements fc.AsyncCommand<object, ModelWorld> {
  readonly #partition: number
  readonly #batches: readonly number[]
  readonly #deed: Deed
  readonly #restMs: number

  constructor(to: number, batches: readonly number[], deed: Deed, rest: number) {
    this.#partition = to
    this.#batches = batches
    this.#deed = deed
    this.#restMs = rest
  }

  check(): boolean {
    return true
  }

  async run(_: object, world: ModelWorld): Promise<void> {
    await world.append(this.#partition, this.#batches, true)
    await this.#deed.run(world)
    await world.time.sleep(this.#restMs)
  }

  toString(): string {
    return `append(${this.#partition}, [${this.#batches}]), ${this.#deed.what}, ${this.#restMs} ms`
  }
}

const worker = fc.constantFrom('a', 'b')
const partition = fc.nat({ max: 2 })
const restMs = fc.oneof(
  { weight: 5, arbitrary: fc.nat({ max: 60 }) },
  { weight: 4, arbitrary: fc.integer({ min: 60, max: 600 }) },
  { weight: 1, arbitrary: fc.constantFrom(3_000, 11_000) },
)
const batches = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 })
/** Those that a transaction is made of come more often than the others. */
const request = fc.oneof(
  fc.constantFrom<RequestName>(...requestNames),
  fc.constantFrom<RequestName>(...transactionRequests, 'OffsetFetch'),
)
const deeds: fc.WeightedArbitrary<Deed>[] = [
  {
    weight: 16,
    arbitrary: request.chain((name) =>
      faultOf(name).map((fault) => ({
        what: `disturb(${name}, ${JSON.stringify(fault)})`,
        run: (world) => world.disturb(name, fault),
      })),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(partition, batches).map(([to, sizes]) => ({
      what: `append rolled back(${to}, [${sizes}])`,
      run: (world) => world.append(to, sizes, false),
    })),
  },
  { weight: 2, arbitrary: worker.map((name) => ({ what: `start ${name}`, run: (world) => void world.start(name) })) },
  { weight: 1, arbitrary: worker.map((name) => ({ what: `kill ${name}`, run: (world) => world.kill(name) })) },
  {
    weight: 1,
    arbitrary: worker.map((name) => ({ what: `interrupt ${name}`, run: (world) => world.interrupt(name) })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(worker, fc.constantFrom(300, 2_000, 4_000, 9_000, 12_000, 40_000)).map(([name, ms]) => ({
      what: `pause(${name}, ${ms})`,
      run: (world) => world.pause(name, ms),
    })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(input, output, positions), partition).map(([topic, of]) => ({
      what: `move leader of ${topic}/${of}`,
      run: (world) => world.broker.moveLeader(topic, topic === positions ? 0 : of % world.partitions),
    })),
  },
  { weight: 1, arbitrary: fc.constant({ what: 'expire offsets', run: (world) => world.broker.expireOffsets() }) },
  {
    weight: 1,
    arbitrary: fc.nat({ max: 300 }).map((ms) => ({
      what: `move coordinators(${ms})`,
      run: (world) => world.broker.moveCoordinators(ms),
    })),
  },
  { weight: 1, arbitrary: fc.constant({ what: 'restart', run: (world) => world.broker.restart() }) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat({ max: 2 }), fc.constantFrom(10, 500, 8_000)).map(([node, ms]) => ({
      what: `crash(${node}, ${ms})`,
      run: (world) => world.broker.crash(node % world.nodes, ms),
    })),
  },
]
const commands = fc.commands(
  [fc.tuple(partition, batches, fc.oneof(...deeds), restMs).map((parts) => new DeedCommand(...parts))],
  { maxCommands: 25, size: 'max' },
)

const options: fc.Arbitrary<WorldOptions> = fc.record({
  seed: fc.integer(),
  nodes: fc.integer({ min: 1, max: 3 }),
  partitions: fc.integer({ min: 1, max: 3 }),
  keepsLastEpoch: fc.boolean(),
  firstEpoch: fc.constantFrom(0, 32_764),
  sliceMs: fc.constantFrom(5, 40, 120),
  isStatic: fc.boolean(),
})

// Brokers answer thousands of errors, whose stacks would take a tenth of the time: only who looks for a defect wants
// them.
Error.stackTraceLimit = process.env.VGM_MODEL_SEED === undefined ? 0 : 10

const { runs, seed } = workerData as { runs: number; seed: number }
await fc.assert(
  fc.asyncProperty(options, commands, async (chosen, deeds) => {
    const world = new ModelWorld(chosen)
    await world.run(async () => {
      world.start('a')
      await fc.asyncModelRun(() => ({ model: {}, real: world }), deeds)
      await world.finish()
    })
  }),
  { numRuns: runs, seed },
)
