import type { BrokerState } from './broker-state.ts'
import { errorCodes } from './error-codes.ts'
import { nodeId } from './nodes.ts'
import { collides, topicNameProblem } from './topic-names.ts'
import { settingsProblem } from './topic-settings.ts'
import type { Topic } from './topics.ts'

/** Why something is refused. */
export interface Problem {
  readonly errorCode: number
  readonly errorMessage: string
}

export interface WantedTopic {
  readonly name: string
  /** -1 for the broker's choice */
  readonly numPartitions: number
  readonly replicationFactor: number
  readonly assignments: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[]
  readonly configs: readonly { readonly name: string; readonly value: string | null }[]
}

/** As many as Apache Kafka takes in a request: more is a slip, and each takes memory. */
const mostPartitions = 10_000

const problem = (errorCode: number, errorMessage: string): Problem => ({ errorCode, errorMessage })

/** Judges what is asked of topics, as `ReplicationControlManager` of Apache Kafka. */
export class TopicAdmin {
  readonly #broker: BrokerState

  constructor(broker: BrokerState) {
    this.#broker = broker
  }

  nameProblem(name: string): Problem | undefined {
    const wrong = topicNameProblem(name)
    if (wrong !== undefined) return problem(errorCodes.INVALID_TOPIC_EXCEPTION, wrong)
    const other = this.#broker.topics.all().find((topic) => collides(name, topic.name))
    if (other === undefined) return undefined
    return problem(errorCodes.INVALID_TOPIC_EXCEPTION, `Topic '${name}' collides with existing topic: ${other.name}`)
  }

  /** Why a topic cannot be made. */
  creationProblem(wanted: WantedTopic): Problem | undefined {
    const { name, assignments, configs } = wanted
    if (this.#broker.topics.get(name) !== undefined)
      return problem(errorCodes.TOPIC_ALREADY_EXISTS, `Topic '${name}' already exists.`)
    const wrongName = this.nameProblem(name)
    if (wrongName !== undefined) return wrongName
    const wrongSize = assignments.length === 0 ? this.#sizeProblem(wanted) : assignmentProblem(wanted)
    if (wrongSize !== undefined) return wrongSize
    const wrongSettings = settingsProblem(configs.map((config) => [config.name, config.value]))
    return wrongSettings === undefined ? undefined : problem(errorCodes.INVALID_CONFIG, wrongSettings)
  }

  /** The number of partitions that a topic gets. */
  partitionsOf({ numPartitions, assignments }: WantedTopic): number {
    if (assignments.length > 0) return assignments.length
    return numPartitions === -1 ? this.#broker.settings.number('num.partitions') : numPartitions
  }

  /** Why a topic cannot get more partitions. */
  growthProblem(
    topic: Topic | undefined,
    name: string,
    count: number,
    assignments: readonly { readonly brokerIds: readonly number[] }[] | null,
  ): Problem | undefined {
    if (topic === undefined || topic.isInternal)
      return problem(errorCodes.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${name}' does not exist.`)
    const now = topic.partitions.length
    if (count === now) return problem(errorCodes.INVALID_PARTITIONS, `Topic already has ${now} partition(s).`)
    if (count < now)
      return problem(
        errorCodes.INVALID_PARTITIONS,
        `The topic ${name} currently has ${now} partition(s); ${count} would not be an increase.`,
      )
    if (count > mostPartitions) return tooMany
    if (assignments === null) return undefined
    if (assignments.length !== count - now || !assignments.every(({ brokerIds }) => isThisNode(brokerIds)))
      return problem(errorCodes.INVALID_REPLICA_ASSIGNMENT, `Each new partition needs the one replica ${nodeId}`)
    return undefined
  }

  #sizeProblem({ numPartitions, replicationFactor }: WantedTopic): Problem | undefined {
    if (replicationFactor !== -1 && replicationFactor !== 1)
      return problem(errorCodes.INVALID_REPLICATION_FACTOR, 'The embedded broker is one node')
    if (numPartitions < -1 || numPartitions === 0)
      return problem(errorCodes.INVALID_PARTITIONS, 'Number of partitions was set to an invalid non-positive value.')
    return numPartitions > mostPartitions ? tooMany : undefined
  }
}

const tooMany = problem(errorCodes.POLICY_VIOLATION, `A topic has at most ${mostPartitions} partitions`)

const isThisNode = (brokerIds: readonly number[]): boolean => brokerIds.length === 1 && brokerIds[0] === nodeId

function assignmentProblem({ numPartitions, replicationFactor, assignments }: WantedTopic): Problem | undefined {
  if (replicationFactor !== -1 || numPartitions !== -1)
    return problem(
      errorCodes.INVALID_REQUEST,
      'A manual partition assignment was specified, but replication factor or number of partitions was not set to -1.',
    )
  if (assignments.length > mostPartitions) return tooMany
  const indexes = new Set(assignments.map(({ partitionIndex }) => partitionIndex))
  const isWhole = indexes.size === assignments.length && assignments.every((_, index) => indexes.has(index))
  return isWhole && assignments.every(({ brokerIds }) => isThisNode(brokerIds))
    ? undefined
    : problem(
        errorCodes.INVALID_REPLICA_ASSIGNMENT,
        `Partitions must be numbered from 0 on, each with the one replica ${nodeId}`,
      )
}
