import { groupName } from '../config/names.ts'
import { modelSvg } from '../drawing/model-svg.ts'
import { UsageError } from '../errors.ts'
import { modelDiff } from '../model/model-diff.ts'
import { browseIn, findRow } from '../pipeline/browse-rows.ts'
import type { ClusterSession } from '../pipeline/cluster-session.ts'
import { driftHistory } from '../pipeline/drift-history.ts'
import { runsOf } from '../pipeline/list-runs.ts'
import { promoteModel } from '../pipeline/models-topic.ts'
import { promotionHistory } from '../pipeline/promotion-history.ts'
import { retryDeadLetters } from '../pipeline/retry-dead-letters.ts'
import { dissectDeadLetter } from '../pipeline/scan-dead-letters.ts'
import { pauseStages, resumeStages, type SteerStagesOptions } from '../pipeline/steer-stages.ts'
import type * as api from './api.ts'
import { columnDetail, modelGlance } from './column-glance.ts'
import type { DatasetNames } from './dataset-names.ts'
import type { DatasetViews } from './dataset-views.ts'
import { lettersAnswer } from './letters-answer.ts'

/** What is asked about a data set. */
export interface Question {
  readonly cluster: ClusterSession
  readonly views: DatasetViews
  readonly dataset: string
  /** behind the name of the question, decoded */
  readonly path: readonly string[]
  readonly query: URLSearchParams
  /** of a POST */
  readonly body: Readonly<Record<string, unknown>>
}

export type Route = (question: Question) => Promise<unknown>

/** An answer that is no JSON. */
export class TextAnswer {
  readonly contentType: string
  readonly text: string
  constructor(contentType: string, text: string) {
    this.contentType = contentType
    this.text = text
  }
}

/** What is asked without a change, by the name in its path. */
export const readRoutes: Readonly<Record<string, Route>> = {
  flow: async ({ views }): Promise<api.FlowAnswer> => views.flow.answer(),

  models: async ({ cluster, views, dataset }): Promise<api.Models> => {
    const models = await views.models.models(dataset)
    const versions = [...(models?.versions.values() ?? [])].map(
      ({ version, createdAtMs, recipe, lineage, columns }): api.ModelVersion => ({
        version,
        current: version === models?.current?.version,
        names: [...(models?.named ?? [])].filter(([, named]) => named === version).map(([name]) => name),
        createdAtMs,
        recipe,
        rows: lineage.rowsUsed,
        columns: columns.length,
      }),
    )
    const { modelsTopic } = views.names
    const promotions = models === undefined ? [] : await promotionHistory(cluster, { dataset, modelsTopic })
    return { versions: versions.sort((a, b) => b.version - a.version), promotions }
  },

  model: async ({ views, dataset, path: [version = 'current', name] }) => {
    const model = await views.models.model(dataset, version)
    if (name === undefined) return modelGlance(model)
    const column = model.columns.find((each) => each.name === name)
    if (column === undefined)
      throw new UsageError(`Version ${model.version} has no column ${name}`, 'Choose one of the list')
    return columnDetail(column)
  },

  svg: async ({ views, dataset, path: [version = 'current', name] }) => {
    const { columns } = await views.models.model(dataset, version)
    const chosen = name === undefined ? columns : columns.filter((each) => each.name === name)
    return new TextAnswer('image/svg+xml', modelSvg(chosen))
  },

  diff: async ({ views, dataset, path: [from = 'current', to = 'current'] }): Promise<api.ModelChange> =>
    modelDiff(await views.models.model(dataset, from), await views.models.model(dataset, to)),

  drift: async ({ cluster, views, dataset, path: [version = 'current'] }): Promise<api.Drift | null> =>
    (await driftHistory(
      cluster,
      { dataset, statsTopic: views.names.statsTopic },
      await views.models.model(dataset, version),
    )) ?? null,

  rows: async ({ cluster, views: { names, flow, models }, dataset, query }): Promise<api.Rows> => {
    const [partition, offset, rows] = ['partition', 'offset', 'rows'].map((name) => numberIn(query, name))
    const options = { dataset, topics: names.topics, partition, offset, rows }
    const [reading, known] = await Promise.all([flow.reading(), models.models(dataset)])
    return browseIn(cluster, options, reading, known?.versions ?? new Map())
  },

  find: async ({ cluster, views, dataset, query }): Promise<{ partition: number; offset: number } | null> => {
    const [key, atMs] = [query.get('key') ?? undefined, numberIn(query, 'at')]
    return (await findRow(cluster, { dataset, rawTopic: views.names.topics.raw, key, atMs })) ?? null
  },

  letters: async ({ views }): Promise<api.Letters> => {
    await views.letters.refresh()
    return lettersAnswer(views.letters)
  },

  letter: async ({ cluster, views, dataset, path: [partition, offset] }): Promise<api.Letter> => {
    const at = { partition: wholeNumber('partition', partition), offset: wholeNumber('offset', offset) }
    const { decoded, prefix, ...letter } = await dissectDeadLetter(cluster, {
      dataset,
      topic: views.names.topics.deadLetters,
      ...at,
    })
    const isDecoded = 'json' in decoded
    return {
      ...letter,
      fields: isDecoded ? JSON.parse(decoded.json) : prefix?.fields,
      problem: isDecoded ? undefined : decoded.problem,
      failing: prefix && { field: prefix.field, byte: prefix.byte },
    }
  },

  runs: async ({ cluster, views, dataset }): Promise<readonly api.Run[]> =>
    runsOf(cluster, views.names, await views.models.models(dataset)),
}

/** What changes something. */
export const changeRoutes: Readonly<Record<string, Route>> = {
  retry: async ({ cluster, views: { names }, dataset, body: { codes, partition, offset } }) => {
    const isOne = partition !== undefined || offset !== undefined
    const [at, number] = [wholeNumber('offset', offset ?? 0), wholeNumber('partition', partition ?? 0)]
    const ranges = isOne ? [{ partition: number, from: at, to: at }] : undefined
    const { deadLetters: topic, raw: rawTopic } = names.topics
    return retryDeadLetters(cluster, { dataset, topic, rawTopic, ranges, codes: listOfTexts(codes) })
  },

  promote: async ({ cluster, views: { names }, dataset, body }) => {
    const version = wholeNumber('version', body.version)
    return { version: await promoteModel(cluster, { dataset, version, modelsTopic: names.modelsTopic }) }
  },

  pause: async ({ cluster, views, body }) => pauseStages(cluster, steered(views.names, stageIn(body))),

  resume: async ({ cluster, views, body }) => resumeStages(cluster, steered(views.names, stageIn(body))),
}

/** A stage may be paused before its first start, a group of another name only once it is known. */
function steered({ dataset, groups, controlTopic }: DatasetNames, stage: 'normalize' | 'restore'): SteerStagesOptions {
  const isUsual = groups[stage] === groupName(dataset, stage)
  return { dataset, controlTopic, ...(isUsual ? { stage } : { group: groups[stage] }) }
}

function stageIn({ stage }: Question['body']): 'normalize' | 'restore' {
  if (stage === 'normalize' || stage === 'restore') return stage
  throw new UsageError('stage is neither normalize nor restore', 'Name one of them')
}

function listOfTexts(value: unknown): string[] | undefined {
  if (value === undefined) return undefined
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value
  throw new UsageError('codes is not a list of texts', 'Give codes, such as ["VGM_ROW_NOT_FINITE"]')
}

function numberIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  return text === null || text === '' ? undefined : wholeNumber(name, text)
}

function wholeNumber(name: string, value: unknown): number {
  const number = typeof value === 'number' || (typeof value === 'string' && value !== '') ? Number(value) : Number.NaN
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new UsageError(`${name} is not a whole number from 0 up`, 'Give a whole number')
}
