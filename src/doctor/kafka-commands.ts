import type { Facts } from './facts.ts'

/*
 * Commands of Kafka's own tools, which do what is missing.
 */

const at = ({ given }: Facts) => `--bootstrap-server ${given.map(({ address }) => address).join(',')}`

export function setTopicConfig(facts: Facts, topic: string, settings: Readonly<Record<string, string>>): string {
  // A value with a comma is a list to kafka-configs.sh, and brackets are for files to a shell.
  const all = Object.entries(settings).map(([name, value]) =>
    value.includes(',') ? `'${name}=[${value}]'` : `${name}=${value}`,
  )
  return `kafka-configs.sh ${at(facts)} --alter --topic ${topic} --add-config ${all.join(',')}`
}

export function addPartitions(facts: Facts, topic: string, partitions: number): string {
  return `kafka-topics.sh ${at(facts)} --alter --topic ${topic} --partitions ${partitions}`
}

/** @param on as `--topic trips.raw` */
export function grant(facts: Facts, operations: readonly string[], on: string): string {
  const all = operations.map((operation) => `--operation ${operation}`).join(' ')
  return `kafka-acls.sh ${at(facts)} --add --allow-principal User:NAME ${all} ${on}`
}
