import { countText } from '../count-text.ts'
import { durationText } from '../observe/report-text.ts'
import type { FlowReading, GroupReading, TopicReading } from '../pipeline/read-flow.ts'
import type { StageOrders } from '../stages/stage-orders.ts'
import type { Commands, Flow, FlowRates, FlowStage, FlowState, FlowTopic, Verdict } from './api.ts'

/** How a stage has moved. */
export interface StageSpeed {
  readonly rowsPerSecond: number
  /** ms since 1970; undefined if it has not been seen to move */
  readonly movedMs: number | undefined
}

/** A stage with rows that wait is stuck when none has moved for as long. */
const stuckMs = 15_000
/** A stage is behind when the rest takes longer. */
const behindSeconds = 30
/** Offsets at an end that may be markers of transactions. */
const markers = 2

const count = (n: number) => countText(Math.round(n))
const rows = (n: number) => `${count(n)} ${Math.round(n) === 1 ? 'row' : 'rows'}`

export function topicOf(reading: TopicReading | undefined): FlowTopic | undefined {
  if (reading === undefined) return undefined
  const { topic, low, high } = reading
  return { topic, partitions: high.length, offsets: high.reduce((sum, end, i) => sum + end - low[i], 0) }
}

/** What is known of a stage, in words and numbers. */
export function stageOf(
  stage: FlowStage['stage'],
  { group, committed, members, state }: GroupReading,
  input: TopicReading | undefined,
  { rowsPerSecond, movedMs }: StageSpeed,
  { paused, rate }: StageOrders,
  nowMs: number,
  commands: Commands,
): FlowStage {
  const ends = input?.high ?? []
  const isStill = rowsPerSecond === 0
  const lags = ends.map((end, partition) => {
    const low = input?.low[partition] ?? 0
    const lag = Math.max(0, end - Math.max(committed[partition] ?? low, low))
    // What is left of a partition that is done: the marker of the last transaction.
    return isStill && lag <= markers && committed[partition] !== undefined ? 0 : lag
  })
  const lag = lags.reduce((sum, each) => sum + each, 0)
  const secondsLeft = lag === 0 ? 0 : isStill ? undefined : Math.ceil(lag / rowsPerSecond)
  const limit = typeof rate?.rowsPerSecond === 'number' ? rate.rowsPerSecond : undefined
  return {
    stage,
    group,
    lag,
    lags,
    ends,
    committed: ends.map((_, partition) => committed[partition] ?? -1),
    rowsPerSecond,
    secondsLeft,
    movedMs,
    limit,
    members: members.map(({ memberId, clientId, host, partitions }) => {
      const own = partitions.filter(({ topic }) => topic === input?.topic).map(({ partition }) => partition)
      const waiting = own.reduce((sum, partition) => sum + (lags[partition] ?? 0), 0)
      return { id: memberId, client: clientId, host, partitions: own, lag: waiting }
    }),
    verdict: verdictOf(),
  }

  function verdictOf(): Verdict {
    const start = commands[stage]
    if (input === undefined) return { state: 'idle', text: 'has nothing to read' }
    if (paused?.paused === true) {
      const text = `is paused by ${paused.by}, and ${rows(lag)} wait`
      return { state: 'warn', text, command: commands.resume[stage] }
    }
    if (members.length === 0) {
      if (committed.every((at) => at === undefined)) return { state: 'idle', text: 'has never run', command: start }
      if (lag === 0) return { state: 'idle', text: 'is not running, and nothing waits' }
      return { state: 'warn', text: `is not running, and ${rows(lag)} wait`, command: start }
    }
    if (lag === 0) return { state: 'good', text: 'keeps up' }
    if (state !== 'Stable') return { state: 'warn', text: `is sharing out its partitions, and ${rows(lag)} wait` }
    const stillMs = movedMs === undefined ? 0 : nowMs - movedMs
    if (isStill && stillMs >= stuckMs) {
      const text = `is stuck: ${rows(lag)} wait, and none has moved for ${durationText(stillMs / 1_000)}`
      return { state: 'bad', text, command: commands.doctor }
    }
    if (limit !== undefined && secondsLeft !== undefined && secondsLeft > behindSeconds)
      return { state: 'warn', text: `is limited to ${count(limit)} rows/s, and ${rows(lag)} wait` }
    if (secondsLeft !== undefined && secondsLeft > behindSeconds)
      return { state: 'warn', text: `is ${rows(lag)} behind, ${durationText(secondsLeft)}` }
    return { state: 'good', text: secondsLeft === undefined ? `has ${rows(lag)} to do` : `is ${rows(lag)} behind` }
  }
}

const severity: readonly FlowState[] = ['idle', 'good', 'warn', 'bad']

/** Whether all is well: the worst that there is. */
export function verdictOf(
  reading: FlowReading,
  stages: Flow['stages'],
  { model, drift, rates }: Pick<Flow, 'model' | 'drift'> & { readonly rates: FlowRates },
  commands: Commands,
): Verdict {
  const { dataset } = reading
  if (reading.topics.raw === undefined)
    return { state: 'idle', text: `Data set ${dataset} has no rows yet`, command: commands.load }
  if (model === undefined) return { state: 'idle', text: 'There are rows, and no model yet', command: commands.fit }
  const [normalize] = stages
  const worst = stages.toSorted((a, b) => severity.indexOf(b.verdict.state) - severity.indexOf(a.verdict.state))[0]
  if (worst.verdict.state === 'bad' || worst.verdict.state === 'warn')
    return { ...worst.verdict, text: `${capital(worst.stage)} ${worst.verdict.text}` }
  const drifted = drift?.columns ?? []
  if (drifted.length > 0) {
    const where = drifted.length === 1 ? drifted[0] : `${drifted.length} columns`
    return { state: 'warn', text: `The rows have drifted from the model in ${where}`, command: commands.drift }
  }
  if (stages.every(({ members }) => members.length === 0)) {
    const text = normalize.lag === 0 ? 'Nothing is running, and nothing waits' : 'Nothing is running'
    return { state: 'idle', text, command: commands.normalize }
  }
  const speed = rates.normalize + rates.restore
  return { state: 'good', text: speed > 0 ? 'All is well' : 'All is well: every row is done' }
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
