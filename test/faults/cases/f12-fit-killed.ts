import { deepEqual } from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { exitCodes } from '../../../src/errors.ts'
import type { Model } from '../../../src/model/model.ts'
import type { DatasetModels } from '../../../src/model/model-catalogue.ts'
import { readModels } from '../../../src/model/read-models.ts'
import { openModels } from '../../../src/pipeline/models-topic.ts'
import { faultCase } from '../fault-case.ts'
import type { FaultContext } from '../fault-context.ts'
import type { FaultDataset } from '../fault-dataset.ts'
import { type FrameMoment, killAtFrame } from '../kill-at-frame.ts'
import type { Ended, VgmProcess } from '../vgm-process.ts'

/** A moment of a fit, and which model is the current one afterwards. */
interface Step {
  readonly moment: FrameMoment
  readonly leaves: 'old' | 'new' | 'either'
}

interface Size {
  readonly rows: number
  readonly steps: readonly Step[]
  /** how often each step is done; every other time the next fit comes before anybody looks */
  readonly rounds: number
  /** further kills at any time */
  readonly randomKills: number
}

const request = (api: string) => ({ api, direction: 'request' }) as const
const answer = (api: string) => ({ api, direction: 'answer' }) as const

/** In their order. A request that arrives although its sender is dead may be carried out or not. */
const steps: readonly Step[] = [
  { moment: request('Fetch'), leaves: 'old' },
  { moment: request('InitProducerId'), leaves: 'old' },
  { moment: answer('InitProducerId'), leaves: 'old' },
  { moment: request('AddPartitionsToTxn'), leaves: 'old' },
  { moment: answer('AddPartitionsToTxn'), leaves: 'old' },
  { moment: request('Produce'), leaves: 'old' },
  { moment: { ...request('Produce'), arrives: true }, leaves: 'old' },
  { moment: answer('Produce'), leaves: 'old' },
  { moment: request('EndTxn'), leaves: 'old' },
  { moment: { ...request('EndTxn'), arrives: true }, leaves: 'either' },
  { moment: answer('EndTxn'), leaves: 'new' },
  { moment: { ...answer('EndTxn'), arrives: true }, leaves: 'new' },
]

const partitions = 2
/** Two fits that cannot be taken for one another. */
const flavours = [[], ['--columns', 'amount,wait']]
/** Longer than any fit of so few rows takes. */
const fitMs = 3_000

/**
 * `vgm fit` is killed at every step of publishing. Whoever looks next sees the model before or the new one, to the last
 * digit as an undisturbed fit makes it, and the next fit gets the next version.
 */
export default faultCase<Size>({
  id: 'F12',
  title: 'fit killed at every step of publishing',
  nodes: 1,
  full: { rows: 20_000, steps, rounds: 2, randomKills: 20 },
  short: { rows: 2_000, steps: steps.slice(-2, -1), rounds: 1, randomKills: 0 },
  async run(context, { rows, steps: chosen, rounds, randomKills }) {
    const { proxy } = context.cluster.nodes[0]
    const atSteps = async (models: Published) => {
      for (let round = 0; round < rounds; round++)
        for (const [place, { moment, leaves }] of chosen.entries()) {
          if (!(await killAtFrame(proxy, models.start(true), moment)))
            throw new Error(`A fit has no ${moment.direction} ${moment.api}`)
          await models.settle(leaves, (place + round) % 2 === 0)
        }
    }
    const atAnyTime = async (models: Published) => {
      for (let kill = 0; kill < randomKills; kill++) {
        // Past the proxy, whose frames belong to the other fits.
        const fit = models.start(false)
        await sleep(fitMs * context.random())
        fit.signal('SIGKILL')
        await fit.ended
        await models.settle('either', kill % 2 === 0)
      }
    }
    // Most of a fit's time is its start: two data sets are fitted side by side.
    const done = await Promise.all(
      (randomKills > 0 ? [atSteps, atAnyTime] : [atSteps]).map(async (kill) => {
        const dataset = await context.dataset(partitions)
        await dataset.write(rows)
        const models = new Published(context, dataset)
        await models.begin()
        await kill(models)
        await models.demandAll()
        await demandDone(context.vgm(['normalize', ...dataset.flags, '--until-end']))
        return { kills: models.kills, survivors: models.survivors, audit: await context.finalAudit(dataset) }
      }),
    )
    const sum = (of: (each: (typeof done)[number]) => number) => done.reduce((total, each) => total + of(each), 0)
    return {
      faults: sum(({ kills }) => kills),
      recoveriesMs: [],
      // The audits have found nothing, or would have thrown: only what they have counted adds up.
      audit: {
        ...done[0].audit,
        rows: sum(({ audit }) => audit.rows),
        deadLetters: sum(({ audit }) => audit.deadLetters),
      },
      notes: `${sum(({ survivors }) => survivors)} of the killed fits had published`,
    }
  },
})

/** What is published, and what must be. */
class Published {
  readonly #context: FaultContext
  readonly #dataset: FaultDataset
  /** what an undisturbed fit of each flavour makes */
  readonly #references: Model[] = []
  /** flavour of each version that must be there */
  readonly #flavours = new Map<number, number>()
  #version = 0
  /** of the fit that was started last */
  #flavour = 0
  #kills = 0
  #survivors = 0

  constructor(context: FaultContext, dataset: FaultDataset) {
    this.#context = context
    this.#dataset = dataset
  }

  get kills(): number {
    return this.#kills
  }

  /** killed fits that had published */
  get survivors(): number {
    return this.#survivors
  }

  async begin(): Promise<void> {
    // The data set came with a model that nobody has fitted.
    this.#version = (await this.#models()).highestVersion
    for (const flavour of flavours.keys()) {
      this.#flavour = flavour
      await demandDone(this.#fit(false))
      this.#count()
      this.#references.push((await this.#models()).versions.get(this.#version) as Model)
    }
  }

  /** Starts a fit that is going to be killed, of the flavour that the current model does not have. */
  start(isProxied: boolean): VgmProcess {
    this.#flavour = 1 - (this.#flavours.get(this.#version) as number)
    return this.#fit(isProxied)
  }

  /**
   * The fit that was started last has been killed: what it has left must be so, and the next fit be unhindered.
   *
   * @param isSeen whether somebody looks before the next fit, which ends what the killed one has left open
   */
  async settle(leaves: Step['leaves'], isSeen: boolean): Promise<void> {
    this.#kills++
    if (isSeen) await this.#look(leaves)
    await this.#fitOn(isSeen ? 'old' : leaves)
  }

  /** Looks at the current model after a kill. */
  async #look(leaves: Step['leaves']): Promise<void> {
    const model = (await this.#models()).current as Model
    const isNew = model.version === this.#version + 1
    if (leaves !== 'either' && isNew !== (leaves === 'new'))
      throw new Error(`Version ${model.version} follows ${this.#version}, and should be the ${leaves} one`)
    if (isNew) this.#survive()
    this.#demandWhole(model)
  }

  /** Fits without a fault, after a kill whose outcome nobody has looked at, if it is not known. */
  async #fitOn(left: Step['leaves']): Promise<void> {
    const { version } = JSON.parse((await demandDone(this.#fit(false))).out) as Pick<Model, 'version'>
    if (left === 'new' || (left === 'either' && version === this.#version + 2)) this.#survive()
    this.#count()
    if (version !== this.#version) throw new Error(`A fit got version ${version} instead of ${this.#version}`)
  }

  /** Every version that was published, as it was made, and no other one. */
  async demandAll(): Promise<void> {
    const [first, ...models] = (await this.#models()).versions.values()
    deepEqual(
      models.map(({ version }) => version),
      [...this.#flavours.keys()],
    )
    deepEqual(models[0].version, first.version + 1)
    for (const model of models) this.#demandWhole(model)
  }

  #survive(): void {
    this.#survivors++
    this.#count()
  }

  /** The next version is there, of the flavour that was fitted last. */
  #count(): void {
    this.#flavours.set(++this.#version, this.#flavour)
  }

  #demandWhole({ createdAtMs: _, ...model }: Model): void {
    const { createdAtMs: __, ...reference } = this.#references[this.#flavours.get(model.version) as number]
    deepEqual(plain(model), plain({ ...reference, version: model.version }))
  }

  /** What the topic holds, to its end. */
  async #models(): Promise<DatasetModels> {
    const source = openModels(this.#context.open, this.#dataset.modelsTopic)
    try {
      return (await readModels(source)).datasets.get(this.#dataset.name) as DatasetModels
    } finally {
      await source.reader.close()
    }
  }

  #fit(proxied: boolean): VgmProcess {
    const args = ['fit', '--source', 'raw', '--json', ...flavours[this.#flavour], ...this.#dataset.flags]
    return this.#context.vgm(args, { proxied })
  }
}

/** As it comes out of JSON. */
function plain(value: object): unknown {
  return JSON.parse(JSON.stringify(value))
}

async function demandDone(running: VgmProcess): Promise<Ended> {
  const ended = await running.ended
  if (ended.code !== exitCodes.done) throw new Error(`Process ${running.pid} ended with ${ended.code}: ${ended.err}`)
  return ended
}
