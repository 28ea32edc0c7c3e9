import { checkTopicParts } from '../config/names.ts'
import { listener, listOf, ownTopic, text, transformName } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { ColumnTransform, type ColumnTransformDefinition, type TransformRows } from '../stages/column-transform.ts'
import { refuseAllDead } from '../stages/dead-letter-policy.ts'
import { call } from './call.ts'
import { fields, optionChecks } from './check-options.ts'
import type { ClusterSession } from './cluster-session.ts'
import { type GroupOptions, groupChecks, memberOptions } from './group-options.ts'
import { endsOf } from './group-positions.ts'
import { noProgress } from './progress.ts'
import { topicsBeside } from './row-topics.ts'
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

const inDefinition = {
  name: transformName,
  columns: listOf(text, 'names of fields'),
  apply: listener<(rows: TransformRows) => void>(),
}
const definitionChecks = optionChecks<ColumnTransformDefinition>('defineTransform', inDefinition, {})

/**
 * Checks a transform of your own. A column that `columns` does not name does not compile in `apply`.
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
export function defineTransform<const Column extends string>(
  definition: ColumnTransformDefinition<Column>,
): ColumnTransformDefinition {
  // What it is called with has the columns that it names.
  const transform = definition as unknown as ColumnTransformDefinition
  definitionChecks.check(transform)
  const { name, columns } = transform
  const twice = columns.find((column, i) => columns.indexOf(column) < i)
  if (twice !== undefined) throw new UsageError(`Transform ${name} has column "${twice}" twice`, 'Name it once')
  return transform
}

const checks = optionChecks<TransformRowsOptions>(
  'transformRows',
  {
    transform: fields<ColumnTransformDefinition>(inDefinition, {}),
    inputTopic: ownTopic,
    outputTopic: ownTopic,
  },
  { deadLetterTopic: ownTopic, group: text, ...groupChecks },
)

/**
 * Runs a transform of your own as a member of a consumer group, with the loop of normalize: the rows of half a second
 * are one transaction, so that every row has one row in the output, or in the topic of dead letters, whatever fails.
 * Rows keep their schema, key, headers, timestamp and partition. Start the program several times to share the
 * partitions.
 *
 * @example
 * await transformRows(cluster, { transform: scale, inputTopic: 'trips.raw', outputTopic: 'trips.scaled' })
 *
 * @throws TopicMissingError without an input topic; PositionsMissingError; DeadLetterShareError, AllRowsDeadError;
 *   InterruptedError when the cluster's signal fires: what was committed stands; whatever `apply` throws
 */
export async function transformRows(cluster: ClusterSession, options: TransformRowsOptions): Promise<StageReport> {
  return call(checks, cluster, options, transform)
}

async function transform(cluster: ClusterSession, options: TransformRowsOptions): Promise<StageReport> {
  const { inputTopic, outputTopic, untilEnd = false, onProgress = noProgress } = options
  const definition = defineTransform(options.transform)
  if (inputTopic === outputTopic)
    throw new UsageError(`Topic ${inputTopic} cannot be input and output at once`, 'Name another output topic')
  const deadLetterTopic = options.deadLetterTopic ?? `${outputTopic}.dead-letters`
  checkTopicParts([inputTopic, outputTopic, deadLetterTopic, ...topicsBeside(cluster)])
  const group = options.group ?? `vgm.${outputTopic}.${definition.name}`
  const { ends, of } = await endsOf(cluster, group, inputTopic, untilEnd)
  const report = await runTransformStage(cluster, {
    stage: definition.name,
    group,
    inputTopic,
    outputTopic,
    deadLetterTopic,
    ...memberOptions(options),
    ends,
    transform: new ColumnTransform({ definition, ...rowSchemas(cluster, inputTopic, outputTopic) }),
    onProgress: ({ rowsIn }) => onProgress(rowsIn, of),
  })
  if (untilEnd) refuseAllDead(report, options.deadLetters, deadLetterTopic, 'NAME')
  return report
}
