import { brokerSettings } from '../../../src/cluster/broker-settings.ts'
import { type ApiName, apis } from '../../../src/embedded/protocol/apis.ts'
import { canonicalAnswers, type Plain } from './canonical-answer.ts'
import { Chance, type SharedVersions } from './chance.ts'
import { type Difference, differencesOf, kindOf } from './comparison.ts'
import { type AcceptedDifference, acceptedDifferences } from './differences.ts'
import { RawClient } from './raw-client.ts'
import { SequenceRun, type Side } from './sequence-run.ts'
import { type Answered, type Step, until } from './step.ts'
import { sequenceOf, type Trade } from './trades.ts'

/** What the local cluster on Apache Kafka is told, where topics show it. */
export const likeKafka = { 'message.max.bytes': brokerSettings['message.max.bytes'] } as const

export type Sides = readonly [left: Side, right: Side]

/** Two brokers' answers to the same steps. */
interface Outcome {
  readonly compared: readonly ApiName[]
  readonly equal: readonly ApiName[]
  readonly accepted: readonly AcceptedDifference[]
  /** of the first step that has any which is not accepted: later ones may follow from it */
  readonly found: readonly Difference[]
}

export interface FoundKind {
  readonly kind: string
  readonly trade: Trade
  readonly seed: number
  /** what is left of the sequence that shows it */
  readonly steps: readonly string[]
  readonly difference: Difference
  count: number
}

/** What a comparison has found. */
export interface Tally {
  sequences: number
  readonly requests: Map<ApiName, { compared: number; equal: number }>
  readonly accepted: Map<AcceptedDifference, number>
  readonly found: Map<string, FoundKind>
  /** differences that the same sequence did not show again */
  readonly unrepeated: Map<string, number>
}

/** Lets a broker make its internal topics, which it does when somebody asks for coordinators. */
async function wakeCoordinators({ address }: Side): Promise<void> {
  const client = await RawClient.connect(address)
  for (const keyType of [0, 1])
    await until(async () => (await client.ask('FindCoordinator', 1, { key: 'conformance', keyType })).errorCode === 0)
  client.close()
}

const consumerGroupHeartbeat = 68

/** Whether a broker is Apache Kafka 4: older ones have other rules, and nobody else has its newest groups. */
export async function isApacheKafka4({ address }: Side): Promise<boolean> {
  const client = await RawClient.connect(address)
  const { apiKeys } = await client.ask('ApiVersions', 0, {})
  client.close()
  return apiKeys.some(({ apiKey, maxVersion }) => apiKey === consumerGroupHeartbeat && maxVersion >= 1)
}

/** Versions that both brokers offer and our declarations know. */
export async function sharedVersions(sides: Sides): Promise<SharedVersions> {
  const offers = await Promise.all(
    sides.map(async ({ address }) => {
      const client = await RawClient.connect(address)
      const { apiKeys } = await client.ask('ApiVersions', 3, {
        clientSoftwareName: 'conformance',
        clientSoftwareVersion: '1',
      })
      client.close()
      return new Map(apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]]))
    }),
  )
  const shared = Object.values(apis).flatMap(({ key, name, versions: [oldest, newest] }) => {
    const [left, right] = offers.map((offer) => offer.get(key))
    if (left === undefined || right === undefined) return []
    return [[name, [Math.max(oldest, left[0], right[0]), Math.min(newest, left[1], right[1])]]]
  })
  return Object.fromEntries(shared)
}

async function answersOf(
  side: Side,
  steps: readonly Step[],
): Promise<{ answered: (Answered | undefined)[]; plain: Plain[] }> {
  const run = new SequenceRun(side)
  try {
    const answered: (Answered | undefined)[] = []
    for (const step of steps) answered.push(await step.perform(run))
    const plain = canonicalAnswers(
      run,
      answered.filter((answer) => answer !== undefined),
    )
    return { answered, plain }
  } finally {
    await run.cleanUp()
    await run.close()
  }
}

/** Other fields differ because errors do. */
function causes(differences: readonly Difference[]): readonly Difference[] {
  const errors = differences.filter(
    ({ path }) => /error(Code)?$/i.test(path.at(-1) ?? '') || path.at(-1) === 'noAnswer',
  )
  return errors.length > 0 ? errors : differences
}

export async function compareSequence(sides: Sides, steps: readonly Step[]): Promise<Outcome> {
  const [left, right] = await Promise.all(sides.map((side) => answersOf(side, steps)))
  const compared: ApiName[] = []
  const equal: ApiName[] = []
  const accepted = new Set<AcceptedDifference>()
  let next = 0
  for (const [step, answer] of left.answered.entries()) {
    if (answer === undefined) continue
    const answers = [left.plain[next], right.plain[next]] as const
    next++
    const { api, version } = answer
    const differences = differencesOf(...answers).map((difference) => ({ ...difference, step, api, version, answers }))
    compared.push(api)
    let isEnd = false
    const found = causes(differences).filter((difference) => {
      const known = acceptedDifferences.find(({ covers }) => covers(difference))
      if (known !== undefined) accepted.add(known)
      isEnd ||= known?.changesState === true
      return known === undefined
    })
    if (differences.length === 0) equal.push(api)
    if (found.length > 0 || isEnd) return { compared, equal, accepted: [...accepted], found }
  }
  return { compared, equal, accepted: [...accepted], found: [] }
}

/** Drops steps one by one for as long as the sequence shows a difference of the kind. */
async function shrink(sides: Sides, steps: readonly Step[], kind: string, tries = 30): Promise<readonly Step[]> {
  let left = steps
  for (let i = steps.length - 1; i >= 0 && tries > 0; i--, tries--) {
    const fewer = left.toSpliced(i, 1)
    const { found } = await compareSequence(sides, fewer)
    if (found.some((difference) => kindOf(difference) === kind)) left = fewer
  }
  return left
}

export function newTally(): Tally {
  return { sequences: 0, requests: new Map(), accepted: new Map(), found: new Map(), unrepeated: new Map() }
}

const countIn = <K>(counts: Map<K, number>, key: K): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

/** Compares one sequence and adds what it shows to the tally. A difference counts if it comes twice. */
async function addSequence(
  sides: Sides,
  versions: SharedVersions,
  trade: Trade,
  seed: number,
  tally: Tally,
): Promise<void> {
  const steps = sequenceOf(trade, new Chance(seed, versions))
  let outcome = await compareSequence(sides, steps)
  const isNew = (): boolean => outcome.found.some((difference) => !tally.found.has(kindOf(difference)))
  if (isNew()) {
    const first = new Set(outcome.found.map(kindOf))
    outcome = await compareSequence(sides, steps)
    const again = new Set(outcome.found.map(kindOf))
    for (const kind of first) if (!again.has(kind)) countIn(tally.unrepeated, `${trade} ${seed} ${kind}`)
    // What has come the second time alone waits for a sequence that shows it twice.
    if (outcome.found.length > 0 && ![...again].some((kind) => first.has(kind))) outcome = { ...outcome, found: [] }
  }
  tally.sequences++
  for (const api of outcome.compared) {
    const counts = tally.requests.get(api) ?? { compared: 0, equal: 0 }
    tally.requests.set(api, { ...counts, compared: counts.compared + 1 })
  }
  for (const api of outcome.equal) {
    const counts = tally.requests.get(api) ?? { compared: 0, equal: 0 }
    tally.requests.set(api, { ...counts, equal: counts.equal + 1 })
  }
  for (const difference of outcome.accepted) countIn(tally.accepted, difference)
  for (const difference of outcome.found) {
    const kind = kindOf(difference)
    const known = tally.found.get(kind)
    if (known !== undefined) known.count++
    else {
      // Set first: sequences beside this one need not shrink the same.
      const shown = { kind, trade, seed, steps: steps.map(({ label }) => label), difference, count: 1 }
      tally.found.set(kind, shown)
      const fewer = await shrink(sides, steps, kind)
      tally.found.set(kind, {
        ...shown,
        steps: fewer.map(({ label }) => label),
        count: tally.found.get(kind)?.count ?? 1,
      })
    }
  }
}

/** Compares sequences of the trades in turn, `width` at a time. */
export async function compareSequences(
  sides: Sides,
  trades: readonly Trade[],
  seed: number,
  sequences: number,
  tally: Tally,
  { width = 6, deadlineMs = Infinity }: { readonly width?: number; readonly deadlineMs?: number } = {},
): Promise<Tally> {
  await Promise.all(sides.map(wakeCoordinators))
  const versions = await sharedVersions(sides)
  let next = 0
  const work = async (): Promise<void> => {
    while (next < sequences && performance.now() < deadlineMs) {
      const i = next++
      await addSequence(sides, versions, trades[i % trades.length], seed + i, tally)
    }
  }
  await Promise.all(Array.from({ length: width }, work))
  return tally
}
