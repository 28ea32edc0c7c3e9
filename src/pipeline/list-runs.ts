import { groupName, topicNames } from '../config/names.ts'
import { datasetName } from '../config/value-rules.ts'
import type { DatasetModels } from '../model/model-catalogue.ts'
import { parseLoadProgress } from '../stages/load-progress.ts'
import { call } from './call.ts'
import { optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { groupLag } from './group-lag.ts'

/** Work that has an end, as models and positions tell of it. */
export interface Run {
  readonly kind: 'fit' | 'load' | 'replay'
  readonly name: string
  readonly state: 'done' | 'running' | 'unfinished'
  /** rows of a load, offsets of a replay; undefined if they are not known */
  readonly done: number | undefined
  readonly of: number | undefined
  /** ms since 1970: when it ended, or moved last */
  readonly atMs: number | undefined
  readonly secondsLeft: number | undefined
  /** a line of figures */
  readonly result: string
  /** that makes it again, or goes on */
  readonly command: string
}

const checks = optionChecks<{ dataset: string }>('listRuns', { dataset: datasetName }, {})

/** A replay whose position has moved within this time is running. */
const runningMs = 15_000

/** Fits, loads and replays of a data set, the newest first; those whose time is not known last. */
export async function listRuns(
  cluster: ClusterSession,
  options: { readonly dataset: string },
  models: DatasetModels | undefined,
): Promise<Run[]> {
  return call(checks, cluster, options, async (open, { dataset }) => {
    const isThere = (await open.admin.topics.partitionCount(topicNames(dataset).raw)) !== undefined
    const [loads, replays] = await Promise.all([loadsOf(open, dataset), isThere ? replaysOf(open, dataset) : []])
    const all = [...fitsOf(dataset, models), ...replays, ...loads]
    return all.sort((a, b) => (b.atMs ?? 0) - (a.atMs ?? 0))
  })
}

const count = (n: number) => n.toLocaleString('en')

function fitsOf(dataset: string, models: DatasetModels | undefined): Run[] {
  return [...(models?.versions.values() ?? [])].map(({ version, createdAtMs, recipe, seed, lineage, columns }) => {
    const modes = columns.reduce((sum, { mean }) => sum + mean.length, 0)
    return {
      kind: 'fit',
      name: `version ${version}`,
      state: 'done',
      done: lineage.rowsUsed,
      of: lineage.rowsUsed,
      atMs: createdAtMs,
      secondsLeft: undefined,
      result: `${columns.length} columns with ${modes} modes, from ${count(lineage.rowsUsed)} rows of ${lineage.topic}`,
      command: [
        `vgm fit --dataset ${dataset}`,
        ...(recipe === 'scaled' ? [] : [`--recipe ${recipe} --seed ${seed}`]),
        ...(lineage.topic === topicNames(dataset).raw ? ['--source raw'] : []),
      ].join(' '),
    }
  })
}

async function loadsOf(cluster: ClusterSession, dataset: string): Promise<Run[]> {
  const committed = await cluster.admin.groups.committedOffsets(groupName(dataset, 'load'))
  const files = committed.flatMap(({ metadata }) => parseLoadProgress(metadata ?? undefined))
  return files.map(({ file, rows, complete }) => ({
    kind: 'load',
    name: file,
    state: complete ? 'done' : 'unfinished',
    done: rows,
    of: complete ? rows : undefined,
    atMs: undefined,
    secondsLeft: undefined,
    result: `${count(rows)} rows${complete ? '' : ' so far'}`,
    command: `vgm load --dataset ${dataset} FILE`,
  }))
}

async function replaysOf(cluster: ClusterSession, dataset: string): Promise<Run[]> {
  const lags = await groupLag(cluster, { dataset })
  return lags.flatMap(({ group, output, partitions, total, secondsLeft }): Run[] => {
    if (output === undefined) return []
    const movedMs = Math.max(0, ...partitions.map((each) => each.movedMs ?? 0))
    const isRunning = total > 0 && Date.now() - movedMs < runningMs
    const notes = partitions.filter(({ committed }) => committed !== undefined)
    return [
      {
        kind: 'replay',
        name: group,
        state: total === 0 ? 'done' : isRunning ? 'running' : 'unfinished',
        done: undefined,
        of: undefined,
        atMs: movedMs === 0 ? undefined : movedMs,
        secondsLeft: total === 0 ? undefined : secondsLeft,
        result:
          total === 0
            ? `into ${output}, in ${notes.length} partitions`
            : `into ${output}, ${count(total)} offsets to go`,
        command: `vgm replay --dataset ${dataset} --model ${/\.v(\d+)$/.exec(output)?.[1] ?? 'VERSION'} --from start --output ${output}`,
      },
    ]
  })
}
