import type { Compression } from '../../batch/batch-header.ts'
import { type TopicNames, valueSubject } from '../../config/names.ts'
import type { Model } from '../../model/model.ts'
import type { Delivery, PartitionOffset, TopicPartition } from '../../ports/log.ts'
import type { StageReport } from '../../ports/stage-report.ts'
import { parseAvroSchema } from '../../rows/avro-schema.ts'
import { deriveNormalizedSchema, type NormalizedSchemaOptions } from '../../rows/normalized-schema.ts'
import { compileRowPlan } from '../../rows/row-plan.ts'
import { MalformedSchemaError } from '../../rows/schema-error.ts'
import type { DeadLetterPolicy } from '../../stages/dead-letter-policy.ts'
import { type ModeChoice, NormalizeTransform } from '../../stages/normalize.ts'
import type { ClusterSession } from '../cluster-session.ts'
import { followModels } from '../models-topic.ts'
import { runTransformStage, schemasWithoutCompatibility } from '../transform-stage.ts'
import { whenReachable } from '../when-reachable.ts'

export interface NormalizeMemberOptions {
  readonly dataset: string
  readonly modelsTopic: string
  readonly topics: Pick<TopicNames, 'raw' | 'normalized' | 'deadLetters'>
  readonly group: string
  readonly instance?: string | undefined
  /** number of this member among those of its process */
  readonly slot?: number
  /** undefined follows the current one */
  readonly model?: number | undefined
  readonly clip: number
  readonly modeChoice: ModeChoice
  readonly renameVersionField?: string | undefined
  readonly renameRecord?: string | undefined
  readonly compression: Compression
  readonly delivery?: Delivery | undefined
  readonly deadLetters?: DeadLetterPolicy | undefined
  /** whether positions that the group has lost are counted from the rows of the output [false: an error] */
  readonly rebuildPositions?: boolean | undefined
  /** whether a group that has read rows may go on although its output is empty or missing [false: an error] */
  readonly allowEmptyOutput?: boolean | undefined
  readonly startOffsets?: (partitions: readonly TopicPartition[]) => Promise<PartitionOffset[]>
  readonly sliceMs?: number | undefined
  /** where to stop; undefined runs until interrupted */
  readonly ends?: readonly PartitionOffset[] | undefined
}

/** Runs one member of the group that normalizes a raw topic. */
export async function normalizeMember(
  cluster: ClusterSession,
  options: NormalizeMemberOptions,
  onProgress: (report: StageReport) => void,
): Promise<StageReport> {
  const { dataset, modelsTopic, topics, model: pinned, clip, modeChoice, renameVersionField, renameRecord } = options
  const models = await whenReachable(cluster, () => followModels(cluster, { dataset, modelsTopic }))
  try {
    // Before joining the group: a member without a model would hold partitions that others could work on.
    const pinnedModel = pinned === undefined ? undefined : await models.version(dataset, pinned)
    const model = pinnedModel ?? models.current(dataset)
    const schema = {
      ...(renameVersionField !== undefined && { renameVersionField }),
      ...(renameRecord !== undefined && { renameRecord }),
    }
    await whenReachable(cluster, () => checkNames(cluster, topics.raw, model, schema))
    let taken: number | undefined
    const transform = new NormalizeTransform({
      currentModel: async () => {
        if (pinnedModel === undefined) await models.refresh()
        const model = pinnedModel ?? models.current(dataset)
        if (model.version !== taken) cluster.report({ kind: 'model-taken', model: model.version, before: taken })
        taken = model.version
        return model
      },
      registry: schemasWithoutCompatibility(cluster),
      subject: valueSubject(topics.normalized),
      schema,
      clip,
      modeChoice,
      onUnusableSchema: (schemaId, reason) =>
        cluster.report({ kind: 'schema-unusable', schemaId, topic: topics.raw, reason }),
    })
    return await runTransformStage(cluster, {
      ...options,
      stage: 'normalize',
      inputTopic: topics.raw,
      outputTopic: topics.normalized,
      deadLetterTopic: topics.deadLetters,
      ends: options.ends,
      transform,
      onProgress,
    })
  } finally {
    await models.close()
  }
}

/**
 * Tries to derive the schema of what will be written from the one that raw rows have now.
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
    if (compileRowPlan(parseAvroSchema(latest.schema), columns).kind === 'plan')
      deriveNormalizedSchema(latest.schema, columns, options)
  } catch (error) {
    // No option can resolve this: its rows become dead letters, and rows of other producers are processed.
    if (!(error instanceof MalformedSchemaError)) throw error
  }
}
