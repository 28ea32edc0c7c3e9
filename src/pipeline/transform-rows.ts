import type { Compression } from '../batch/batch-header.ts'
import { valueSubject } from '../config/names.ts'
import { UsageError } from '../errors.ts'
import type { Delivery } from '../ports/log.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { ColumnTransform, type ColumnTransformDefinition } from '../stages/column-transform.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import type { ClusterSession } from './cluster-session.ts'
import { noProgress, type OnProgress } from './progress.ts'
import { offsetsBetween, topicEnds, topicStarts } from './row-topics.ts'
import { runTransformStage, schemasWithoutCompatibility } from './transform-stage.ts'

export interface TransformRowsOptions {
  readonly transform: ColumnTransformDefinition
  readonly inputTopic: string
  /** made like the input topic if it does not exist */
  readonly outputTopic: string
  /** [`<outputTopic>.dead-letters`] */
  readonly deadLetterTopic?: string | undefined
  /** the consumer group ['vgm.<outputTopic>.<name of the transform>'] */
  readonly group?: string | undefined
  /** a name of this process that survives restarts: its membership becomes static */
  readonly instance?: string | undefined
  /** stop at the input topic's end as it is now [false: run until the cluster's signal fires] */
  readonly untilEnd?: boolean | undefined
  /** codec of the batches that are written ['none'] */
  readonly compression?: Compression | undefined
  /** ['exactly-once'] */
  readonly delivery?: Delivery | undefined
  /** [dead letters, up to half of the last 100,000 rows] */
  readonly deadLetters?: DeadLetterPolicy | undefined
  /** whether positions that the group has lost are counted from the rows of the output [false: that is an error] */
  readonly rebuildPositions?: boolean | undefined
  /** whether a group that has read rows may go on although its output is empty or missing [false: that is an error] */
  readonly allowEmptyOutput?: boolean | undefined
  readonly onProgress?: OnProgress | undefined
}

/**
 * Checks a transform of your own.
 *
 * @example
 * const scale = defineTransform({
 *   name: 'scale',
 *   columns: ['fare'],
 *   apply: ({ count, columns: { fare } }) => {
 *     for (let row = 0; row < count; row++) fare.values[row] /= 100
 *   },
 * })
 *
 * @throws UsageError for a name that cannot stand in a group's, no column, or one that is named twice
 */
export function defineTransform(definition: ColumnTransformDefinition): ColumnTransformDefinition {
  const { name, columns } = definition
  if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/.test(name))
    throw new UsageError(`"${name}" cannot name a transform`, 'Use letters, digits and hyphens, at most 100')
  if (columns.length === 0) throw new UsageError(`Transform ${name} has no columns`, 'Name the fields that it changes')
  const twice = columns.find((column, i) => columns.indexOf(column) < i)
  if (twice !== undefined) throw new UsageError(`Transform ${name} has column "${twice}" twice`, 'Name it once')
  return definition
}

/**
 * Runs a transform of your own as a member of a consumer group, with the loop of normalize: each slice of rows is one
 * transaction, so that every row has one row in the output, or one dead letter, whatever fails. Rows keep their schema,
 * key, headers, timestamp and partition. Start the program several times to share the partitions.
 *
 * @example
 * await transformRows(cluster, { transform: scale, inputTopic: 'trips.raw', outputTopic: 'trips.scaled' })
 *
 * @throws TopicMissingError without an input topic; PositionsMissingError; DeadLetterShareError; InterruptedError when
 *   the cluster's signal fires: what was committed stands; whatever `apply` throws
 */
export async function transformRows(cluster: ClusterSession, options: TransformRowsOptions): Promise<StageReport> {
  const { inputTopic, outputTopic, untilEnd = false, onProgress = noProgress } = options
  const transform = defineTransform(options.transform)
  if (inputTopic === outputTopic)
    throw new UsageError(`Topic ${inputTopic} cannot be input and output at once`, 'Name another output topic')
  const ends = untilEnd ? await topicEnds(cluster, inputTopic) : undefined
  const of = ends && offsetsBetween(await topicStarts(cluster, inputTopic), ends)
  return runTransformStage(cluster, {
    stage: transform.name,
    group: options.group ?? `vgm.${outputTopic}.${transform.name}`,
    instance: options.instance,
    inputTopic,
    outputTopic,
    deadLetterTopic: options.deadLetterTopic ?? `${outputTopic}.dead-letters`,
    deadLetters: options.deadLetters,
    compression: options.compression ?? 'none',
    delivery: options.delivery,
    rebuildPositions: options.rebuildPositions,
    allowEmptyOutput: options.allowEmptyOutput,
    ends,
    transform: new ColumnTransform({
      definition: transform,
      registry: schemasWithoutCompatibility(cluster),
      subject: valueSubject(outputTopic),
      onUnusableSchema: (schemaId, reason) =>
        cluster.report({ kind: 'schema-unusable', schemaId, topic: inputTopic, reason }),
    }),
    onProgress: ({ rowsIn }) => onProgress(rowsIn, of),
  })
}
