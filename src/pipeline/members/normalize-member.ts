import { randomBytes } from 'node:crypto'
import { type TopicNames, valueSubject } from '../../config/names.ts'
import { UsageError } from '../../errors.ts'
import { ModelTooOldError } from '../../model/errors.ts'
import type { Model } from '../../model/model.ts'
import type { ModelFollower } from '../../model/model-follower.ts'
import type { SchemaStore } from '../../ports/log.ts'
import type { ShadowFigures, StageReport } from '../../ports/stage-report.ts'
import { parseAvroSchema } from '../../rows/avro-schema.ts'
import { deriveNormalizedSchema, type NormalizedSchemaOptions } from '../../rows/normalized-schema.ts'
import { planColumns } from '../../rows/planned-columns.ts'
import { MalformedSchemaError } from '../../rows/schema-error.ts'
import type { RowSchemaName } from '../../rows/schema-name.ts'
import { EventTimes } from '../../stages/event-times.ts'
import { type ModeChoice, NormalizeTransform } from '../../stages/normalize.ts'
import type { RowTransform } from '../../stages/row-transform.ts'
import { ShadowModel } from '../../stages/shadow-model.ts'
import { SliceStats } from '../../stages/slice-stats.ts'
import { TimeFilter, type TimeRange } from '../../stages/time-filter.ts'
import type { ClusterSession } from '../cluster-session.ts'
import { modelNamed, type VersionName } from '../models-topic.ts'
import { rowSchemas } from '../stage-member.ts'
import { whenReachable } from '../when-reachable.ts'
import { type TransformMemberOptions, transformMember } from './transform-member.ts'

export interface NormalizeMemberOptions extends TransformMemberOptions {
  readonly topics: Pick<TopicNames, 'raw' | 'normalized' | 'deadLetters'>
  /** a version, or a name, whose version is followed ['current'] */
  readonly model?: VersionName | undefined
  /** undefined for any */
  readonly maxModelAgeMs?: number | undefined
  /** where the counts are written that drift is measured by, a topic that is there; undefined counts nothing */
  readonly stats?: { readonly topic: string; readonly intervalMs: number } | undefined
  /** a version that looks at rows and writes nothing */
  readonly shadow?: VersionName | undefined
  readonly clip: number
  readonly modeChoice: ModeChoice
  readonly renameVersionField?: string | undefined
  readonly renameRecord?: string | undefined
  /** which rows count by their time [all] */
  readonly timeRange?: TimeRange | undefined
}

/** Runs one member of the group that normalizes a raw topic. */
export async function normalizeMember(
  cluster: ClusterSession,
  options: NormalizeMemberOptions,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  const { topics, model, shadow, clip, modeChoice, renameVersionField, renameRecord, timeRange, ...rest } = options
  const { raw: inputTopic, normalized: outputTopic, deadLetters: deadLetterTopic } = topics
  const stage = { ...rest, stage: 'normalize', inputTopic, outputTopic, deadLetterTopic }
  let shadowed: ShadowModel | undefined
  const report = await transformMember(cluster, stage, onProgress, async (models) => {
    if (shadow !== undefined) {
      const onFigures = (figures: ShadowFigures) => cluster.report({ kind: 'shadow', figures })
      const [other, current] = [
        await modelNamed(models, options.dataset, shadow),
        await modelNamed(models, options.dataset, model ?? 'current'),
      ]
      shadowed = new ShadowModel(other, current, onFigures)
    }
    return normalizeTransform(cluster, models, options, undefined, shadowed)
  })
  return shadowed === undefined ? report : { ...report, shadow: shadowed.figures() }
}

/** @internal What is done with the rows. @param registry where schemas are looked up and registered, if not as usual */
export async function normalizeTransform(
  cluster: ClusterSession,
  models: ModelFollower,
  options: NormalizeMemberOptions,
  registry?: SchemaStore,
  shadow?: ShadowModel,
): Promise<RowTransform> {
  const { dataset, topics, clip, modeChoice, renameVersionField, renameRecord, timeRange } = options
  const { model: wanted = 'current', maxModelAgeMs, stats } = options
  const model = await modelNamed(models, dataset, wanted)
  const age = modelAge(cluster, maxModelAgeMs)
  age.require(model)
  if (shadow?.sharesColumns(model) === false)
    throw new UsageError(
      `The shadow model has no column in common with version ${model.version}`,
      'Name another version (--shadow), or leave it out',
    )
  const schema = {
    ...(renameVersionField !== undefined && { renameVersionField }),
    ...(renameRecord !== undefined && { renameRecord }),
  }
  await whenReachable(cluster, () => checkNames(cluster, topics.raw, model, schema))
  let taken: number | undefined
  const schemas = { ...rowSchemas(cluster, topics.raw, topics.normalized), ...(registry !== undefined && { registry }) }
  const transform = new NormalizeTransform({
    currentModel: async () => {
      if (typeof wanted === 'number') return noted(model)
      await models.refresh()
      return noted(await modelNamed(models, dataset, wanted))
    },
    ...schemas,
    schema,
    clip,
    modeChoice,
    shadow,
    stats:
      stats &&
      new SliceStats({
        ...stats,
        run: randomBytes(6).toString('hex'),
        now: Date.now,
        onCounted: (columns) => cluster.report({ kind: 'counted', columns }),
      }),
  })
  if (timeRange === undefined) return transform
  const { column } = timeRange
  if (column === undefined) return new TimeFilter(transform, timeRange, undefined)
  const onUnusableSchema = (schemaId: RowSchemaName, reason: string) =>
    cluster.log.warn(
      { schemaId, topic: topics.raw },
      `rows of this schema are left out, because they have no time: ${reason}`,
    )
  return new TimeFilter(transform, timeRange, new EventTimes({ ...schemas, column, onUnusableSchema }))

  function noted(model: Model): Model {
    if (model.version !== taken) cluster.report({ kind: 'model-taken', model: model.version, before: taken })
    if (model.version !== taken && shadow?.version === model.version)
      cluster.log.warn(
        { version: model.version },
        'the shadow model is the one that is in use: it shows nothing; name another version (--shadow, shadow)',
      )
    taken = model.version
    age.watch(model)
    return model
  }
}

/** Looks at the age of models: an error at the start, and later a warning, once for each. */
function modelAge({ log }: ClusterSession, maxAgeMs = Infinity) {
  let told: number | undefined
  const problemOf = (model: Model): ModelTooOldError | undefined => {
    const nowMs = Date.now()
    return nowMs - model.createdAtMs > maxAgeMs ? new ModelTooOldError(model, nowMs, maxAgeMs) : undefined
  }
  return {
    require(model: Model): void {
      const problem = problemOf(model)
      if (problem !== undefined) throw problem
    },
    /** A stage that works goes on: rows that wait for a fit are worse than rows of an old model. */
    watch(model: Model): void {
      if (told === model.version) return
      const problem = problemOf(model)
      if (problem === undefined) return
      told = model.version
      log.warn({ dataset: model.dataset, version: model.version }, `${problem.message}. ${problem.fix}`)
    },
  }
}

/**
 * @internal Tries to derive the schema of what will be written from the one that raw rows have now.
 *
 * @throws SchemaCollisionError
 */
export async function checkNames(
  { registry }: ClusterSession,
  rawTopic: string,
  { columns }: Pick<Model, 'columns'>,
  options: NormalizedSchemaOptions = {},
): Promise<void> {
  const latest = await registry.latest(valueSubject(rawTopic))
  if (latest === undefined) return
  try {
    if (!('reason' in planColumns(parseAvroSchema(latest.schema), columns)))
      deriveNormalizedSchema(latest.schema, columns, options)
  } catch (error) {
    // No option can resolve this: its rows become dead letters, and rows of other producers are processed.
    if (!(error instanceof MalformedSchemaError)) throw error
  }
}
