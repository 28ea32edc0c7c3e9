import { setTimeout as sleep } from 'node:timers/promises'
import { stageGraceMs } from '../../src/observe/interruption.ts'
import type { FaultContext, Worker } from './fault-context.ts'
import type { FaultDataset } from './fault-dataset.ts'
import { errorAnswer } from './kafka-frames.ts'
import type { KafkaProxy, Rule } from './kafka-proxy.ts'
import type { RegistryGate } from './registry-gate.ts'

/** What one fault at a time is done to. */
interface Target {
  isTaken: boolean
}

/** A worker's place: whoever has it is followed by another one. */
export interface Place extends Target {
  worker: Worker
  /** starts the next one */
  readonly start: () => Worker
}

/** What faults are done to. */
export interface Soaked {
  readonly context: FaultContext
  readonly dataset: FaultDataset
  /** of workers that may be killed */
  readonly places: readonly Place[]
  /** one of them may be dead: with two of three away there is nothing to be expected but patience */
  readonly brokers: Target
  readonly gate: RegistryGate
  /** another worker, for a while */
  readonly guest: () => Worker
}

/**
 * Does something to the world; resolves when it is over. Several go on at once. Undefined if it cannot be done just
 * now.
 */
export type SoakFault = (soaked: Soaked) => Promise<void> | undefined

/** The network may be away meanwhile: a worker then takes up to its grace period. */
const drainMs = stageGraceMs + 5_000

/** Kafka's code of TRANSACTION_ABORTABLE */
const abortable = 120
const transactionApis = ['AddPartitionsToTxn', 'Produce', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn']

/** Every kind of fault, by its name. */
export const soakFaults: Readonly<Record<string, SoakFault>> = {
  'worker killed': (soaked) =>
    toPlace(soaked, async (place) => {
      place.worker.signal('SIGKILL')
      await place.worker.ended
      place.worker = place.start()
    }),
  'worker restarted': (soaked) =>
    toPlace(soaked, async (place) => {
      await soaked.context.drain([place.worker], drainMs)
      place.worker = place.start()
    }),
  'worker frozen': (soaked) =>
    toPlace(soaked, async ({ worker }) => {
      worker.signal('SIGSTOP')
      await sleep(1_000 + 20_000 * soaked.context.random())
      worker.signal('SIGCONT')
    }),
  'guest worker': async ({ context, guest }) => {
    const worker = guest()
    await sleep(5_000 + 10_000 * context.random())
    await context.drain([worker], drainMs)
  },
  'broker killed': ({ context, brokers }) =>
    alone(brokers, async () => {
      const node = oneOf(context, context.cluster.nodes)
      await node.kill()
      await sleep(8_000 * context.random())
      await node.restart()
      await context.cluster.untilWhole()
    }),
  'connections reset': async ({ context }) => oneProxy(context).reset(),
  'half-open connections': async ({ context }) => oneProxy(context).abandon(),
  'network delayed': ({ context }) => withRule(context, 10_000, () => ({ delayMs: 100 })),
  'network slow': async ({ context }) => {
    const proxy = oneProxy(context)
    proxy.throttle(1_000_000)
    await sleep(10_000)
    proxy.throttle(Infinity)
  },
  'network parted': async ({ context }) => {
    const proxy = oneProxy(context)
    proxy.part()
    await sleep(30_000 * context.random())
    proxy.join()
  },
  'replies lost': ({ context }) => {
    const api = oneOf(context, transactionApis)
    const how = context.random() < 0.8 ? 'reset' : 'drop'
    let left = 3
    return withRule(context, 5_000, (frame) =>
      frame.direction === 'answer' && frame.api === api && left-- > 0 ? how : undefined,
    )
  },
  'batches lost': ({ context }) =>
    withRule(context, 3_000, ({ direction, api }) =>
      direction === 'request' && api === 'Produce' && context.random() < 0.2 ? 'drop' : undefined,
    ),
  'commits refused': ({ context }) =>
    withRule(context, 5_000, ({ direction, api, correlationId }) =>
      direction === 'request' && api === 'AddOffsetsToTxn' && context.random() < 0.3
        ? { answer: errorAnswer(correlationId, abortable) }
        : undefined,
    ),
  'model published': async ({ dataset }) => {
    await dataset.publishModel()
  },
  'registry away': async ({ context, gate }) => {
    await gate.shut(oneOf(context, ['refused', 'silent', 'unavailable']))
    await sleep(10_000 * context.random())
    await gate.reopen()
  },
}

export function oneOf<T>(context: FaultContext, all: readonly T[]): T {
  return all[context.pick(all.length)]
}

/** Takes a worker that nothing else is done to and that lives. */
function toPlace({ context, places }: Soaked, deed: (place: Place) => Promise<void>): Promise<void> | undefined {
  const free = places.filter(({ isTaken, worker }) => !isTaken && !worker.hasEnded)
  const place = free.length > 0 ? oneOf(context, free) : undefined
  return place && alone(place, () => deed(place))
}

function alone(target: Target, deed: () => Promise<void>): Promise<void> | undefined {
  if (target.isTaken) return undefined
  target.isTaken = true
  return deed().finally(() => {
    target.isTaken = false
  })
}

function oneProxy(context: FaultContext): KafkaProxy {
  return oneOf(context, context.cluster.nodes).proxy
}

/** A rule on all brokers, for a while. */
async function withRule({ cluster }: FaultContext, forMs: number, rule: Rule): Promise<void> {
  const over = cluster.nodes.map(({ proxy }) => proxy.rule(rule))
  await sleep(forMs)
  for (const end of over) end()
}
