import { randomBytes } from 'node:crypto'
import type { Compression } from '../batch/batch-header.ts'
import { defaultControlTopic, transactionalId, valueSubject } from '../config/names.ts'
import type { PipelineError } from '../errors.ts'
import { TopicMissingError } from '../kafka/topic-errors.ts'
import type { Delivery, PartitionOffset, SchemaStore, TopicPartition } from '../ports/log.ts'
import type { StageReport } from '../ports/stage-report.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'
import type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
import { RowPace } from '../stages/pace.ts'
import type { RowTransform } from '../stages/row-transform.ts'
import { transformTopic } from '../stages/stage-loop.ts'
import { noOrders, paceLimits } from '../stages/stage-orders.ts'
import { abortedBy } from './abort-reason.ts'
import type { ClusterSession } from './cluster-session.ts'
import { OrderFollower } from './control-topic.ts'
import {
  type GroupedStage,
  lostPositions,
  outputLost,
  outputOfAnother,
  PositionsMissingError,
  preparePositions,
  rebuiltPositions,
} from './group-positions.ts'
import { MemberReporter } from './member-reporter.ts'
import { batchSizesFor, startsOf } from './row-topics.ts'
import { stageMemory } from './stage-memory.ts'
import { whenReachable } from './when-reachable.ts'

/** Long enough for a transaction's cost to vanish, short enough for heartbeats and for whoever reads downstream. */
const defaultSliceMs = 500
/**
 * A slice whose schemas or models take longer is aborted, well before its transaction times out, and repeated until
 * they are available.
 */
export const slicePatienceMs = 3_000

export interface TransformStageOptions extends GroupedStage {
  /**
   * a name that survives restarts: the membership becomes static, and the old instance's transaction is ended at once
   */
  readonly instance?: string | undefined
  /** number of this member among those of its process */
  readonly slot?: number | undefined
  readonly deadLetterTopic: string
  readonly deadLetters?: DeadLetterPolicy | undefined
  readonly compression: Compression
  /** bytes of its buffers */
  readonly maxMemory?: number | undefined
  readonly delivery?: Delivery | undefined
  readonly transform: RowTransform
  /** where to begin in partitions in which the group has no position yet; others are not read [their first rows] */
  readonly starts?: readonly PartitionOffset[] | undefined
  /** text that is kept beside the position in a partition, by partition */
  readonly notes?: readonly PositionNote[] | undefined
  /** rows per second that all members together read at most [any number] */
  readonly maxRate?: number | undefined
  /** topic of the orders of operators ['vgm.control'] */
  readonly controlTopic?: string | undefined
  /** whether lost positions are counted from the rows of the output [false: an error] */
  readonly rebuildPositions?: boolean | undefined
  /** whether a group that has read rows may go on although its output is empty or missing [false: an error] */
  readonly allowEmptyOutput?: boolean | undefined
  /** where to stop; undefined runs until interrupted */
  readonly ends?: readonly PartitionOffset[] | undefined
  /** default: half a second */
  readonly sliceMs?: number | undefined
  readonly onProgress: (report: StageReport) => void
}

/** A text for those who look at a position. */
export interface PositionNote {
  readonly partition: number
  readonly text: string
}

/** Runs one member of a stage's consumer group; output topics are made like the raw topic if they do not exist. */
export async function runTransformStage(cluster: ClusterSession, options: TransformStageOptions): Promise<StageReport> {
  const {
    stage,
    group,
    instance,
    slot = 0,
    inputTopic,
    outputTopic,
    deadLetterTopic,
    ends,
    compression,
    delivery,
    starts,
    maxRate,
    controlTopic = defaultControlTopic,
  } = options
  const { admin, rows, signal } = cluster
  const ensureOutputs = async (count: number) => {
    for (const topic of [outputTopic, deadLetterTopic])
      await admin.topics.ensureRowTopic({ topic, partitions: count, like: inputTopic })
  }
  const prepare = async () => {
    const count = await cluster.admin.topics.mustExist(inputTopic)
    if (options.allowEmptyOutput !== true) {
      const lost = await outputLost(cluster, options, starts)
      if (lost !== undefined) throw lost
    }
    await ensureOutputs(count)
    await preparePositions(cluster)
    const sizes = {
      output: await batchSizesFor(cluster, outputTopic),
      deadLetters: await batchSizesFor(cluster, deadLetterTopic),
    }
    const { largestBytes } = await batchSizesFor(cluster, inputTopic)
    const largest = Math.max(largestBytes, sizes.output.largestBytes)
    return { partitions: count, sizes, memory: stageMemory(options.maxMemory, largest) }
  }
  const { partitions, sizes, memory } = await whenReachable(cluster, prepare, mayCome)
  // Random unless named: workers that are started by hand share the load and never fence each other.
  const id = transactionalId(group, instance ?? randomBytes(6).toString('hex'), slot)
  const reporter = new MemberReporter(cluster.report)
  const open = () =>
    rows.openSession({
      group,
      topic: inputTopic,
      transactionalId: id,
      groupInstanceId: instance === undefined ? null : `${instance}.${slot}`,
      compression,
      delivery,
      fetching: memory.fetching,
      inFlightBytes: memory.inFlightBytes,
      startOffsets: async (fresh) => {
        // Partitions may be added while the stage runs: a row keeps its partition, so the outputs must have it too.
        if (fresh.some(({ partition }) => partition >= partitions))
          await ensureOutputs(await cluster.admin.topics.mustExist(inputTopic))
        const isReplay = starts !== undefined
        const { lost, remade } = await lostPositions(cluster, group, fresh, outputTopic, isReplay)
        if (remade.length > 0)
          cluster.log.warn(
            { group, topic: inputTopic, output: outputTopic, partitions: remade.map(({ partition }) => partition) },
            'the topic was deleted and recreated: it is read from its first row, and the output still ' +
              'has rows of the older topic',
          )
        if (lost.length > 0 && isReplay) throw outputOfAnother(outputTopic)
        if (lost.length > 0 && options.rebuildPositions !== true)
          throw new PositionsMissingError(
            cluster.settings.brokers,
            options,
            lost.map(({ partition }) => partition),
          )
        const rebuilt = await rebuiltPositions(cluster, options, lost)
        for (const { partition, offset } of rebuilt)
          cluster.log.warn(
            { group, topic: inputTopic, partition, offset },
            'a lost position was rebuilt by counting rows',
          )
        const rest = fresh.filter((each) => !lost.includes(each))
        return [...rebuilt, ...(starts === undefined ? await startsOf(cluster, rest) : startsIn(starts, rest))]
      },
      ...(ends !== undefined && { ends }),
      outputsOf: ({ partition }) => [{ topic: outputTopic, partition }],
      metadataOf: ({ partition }) => options.notes?.find((note) => note.partition === partition)?.text,
      onAbort: (cause) => cluster.report(abortedBy(cause)),
      onJoin: reporter,
    })
  let limits = paceLimits(noOrders, maxRate)
  const orders = new OrderFollower(cluster, controlTopic, group, (orders) => {
    limits = paceLimits(orders, maxRate)
    const by = [orders.paused?.by, orders.rate?.by].filter((text) => text !== undefined && text !== '')
    cluster.report({ kind: 'ordered', ...limits, by: by.join(', ') })
  })
  // Before it joins: a group that is paused reads nothing, not even its first slice.
  await orders.start()
  if (maxRate !== undefined) cluster.report({ kind: 'ordered', ...limits, by: '--max-rate' })
  const session = await whenReachable(cluster, open).catch(async (error: unknown) => {
    await orders.close()
    throw error
  })
  cluster.report({ kind: 'started', group, transactionalId: id })
  reporter.begin(session)
  const share = () => session.positions().length / partitions
  try {
    return await transformTopic({
      session,
      transform: options.transform,
      stage,
      outputTopic,
      outputPartition: (partition) => partition,
      deadLetterTopic,
      deadLetters: options.deadLetters,
      sizes,
      bufferBytes: memory.bufferBytes,
      sliceMs: options.sliceMs ?? defaultSliceMs,
      ends,
      signal,
      pace: new RowPace(() => limits, share),
      onTurn: () => reporter.turn(),
      onProgress: (report, slice) => {
        reporter.committed(report, slice, options.transform.modelVersion)
        options.onProgress(report)
      },
    })
  } finally {
    reporter.stop()
    await orders.close()
    await session.close()
    reporter.ended()
  }
}

/** Where a stage begins in some partitions. */
function startsIn(starts: readonly PartitionOffset[], partitions: readonly TopicPartition[]): PartitionOffset[] {
  return starts.filter((start) => partitions.some(({ partition }) => partition === start.partition))
}

/** Unreachable servers return, and another stage or a load creates a missing topic. */
function mayCome(error: PipelineError): boolean {
  return error.retriable || error instanceof TopicMissingError
}

/** The schemas of a stage's rows, as its transform uses them. */
export interface StageSchemas {
  readonly registry: SchemaStore
  /** subject of the schemas that are written */
  readonly subject: string
  /** called once for each schema whose rows all become dead letters */
  readonly onUnusableSchema: (schema: RowSchemaName, reason: string) => void
}

/** @internal Subjects of outputs accept any schema, because refits change the columns. */
export function rowSchemas(
  { registry, report }: ClusterSession,
  inputTopic: string,
  outputTopic: string,
): StageSchemas {
  return {
    registry: {
      schemaById: (id) => registry.schemaById(id, slicePatienceMs),
      schemaProblem: (id) => registry.schemaProblem(id),
      register: (subject, schema) =>
        registry.register(subject, schema, { compatibility: 'NONE', patienceMs: slicePatienceMs }),
    },
    subject: valueSubject(outputTopic),
    onUnusableSchema: (schemaId, reason) => report({ kind: 'schema-unusable', schemaId, topic: inputTopic, reason }),
  }
}
