import { checkTopicParts } from '../config/names.ts'
import { UsageError } from '../errors.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { ColumnTransform, type ColumnTransformDefinition } from '../stages/column-transform.ts'
import type { ClusterSession } from './cluster-session.ts'
import { type GroupOptions, memberOptions } from './group-options.ts'
import { noProgress } from './progress.ts'
import { endsOf, topicsBeside } from './row-topics.ts'
import { rowSchemas, runTransformStage } from './stage-member.ts'

export interface TransformRowsOptions extends GroupOptions {
  readonly transform: ColumnTransformDefinition
  readonly inputTopic: string
  /** made like the input topic if it does not exist */
  readonly outputTopic: string
  /** [`<outputTopic>.dead-letters`] */
  readonly deadLetterTopic?: string | undefined
  /** the consumer group ['vgm.<outputTopic>.<name of the transform>'] */
  readonly group?: string | undefined
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
 * Runs a transform of your own as a member of a consumer group, with the loop of normalize: the rows of half a second
 * are one transaction, so that every row has one row in the output, or in the topic of dead letters, whatever fails.
 * Rows keep their schema, key, headers, timestamp and partition. Start the program several times to share the
 * partitions.
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
  const deadLetterTopic = options.deadLetterTopic ?? `${outputTopic}.dead-letters`
  checkTopicParts([inputTopic, outputTopic, deadLetterTopic, ...topicsBeside(cluster)])
  const { ends, of } = await endsOf(cluster, inputTopic, untilEnd)
  return runTransformStage(cluster, {
    stage: transform.name,
    group: options.group ?? `vgm.${outputTopic}.${transform.name}`,
    inputTopic,
    outputTopic,
    deadLetterTopic,
    ...memberOptions(options),
    ends,
    transform: new ColumnTransform({ definition: transform, ...rowSchemas(cluster, inputTopic, outputTopic) }),
    onProgress: ({ rowsIn }) => onProgress(rowsIn, of),
  })
}
