import type { ClusterAdmin } from '../kafka/admin.ts'

/** What --fix may do: it makes and alters topics, and nothing else. */
export type TopicRepair =
  | { readonly kind: 'create models topic'; readonly topic: string }
  | { readonly kind: 'create positions topic'; readonly topic: string }
  | { readonly kind: 'create'; readonly topic: string; readonly partitions: number; readonly like: string }
  | { readonly kind: 'add partitions'; readonly topic: string; readonly partitions: number }
  | { readonly kind: 'alter'; readonly topic: string; readonly settings: Readonly<Record<string, string>> }

/**
 * Does what is to be done, and says it in a line for each.
 *
 * @throws PipelineError at the first that the brokers refuse
 */
export async function repairTopics(admin: ClusterAdmin, repairs: readonly TopicRepair[]): Promise<readonly string[]> {
  const done: string[] = []
  for (const repair of repairs) {
    const { topic } = repair
    switch (repair.kind) {
      case 'create models topic':
        await admin.topics.ensureModelsTopic(topic)
        done.push(`made topic ${topic}`)
        break
      case 'create positions topic':
        await admin.topics.ensurePositionsTopic(topic)
        done.push(`made topic ${topic}`)
        break
      case 'create':
        await admin.topics.ensureRowTopic(repair)
        done.push(`made topic ${topic} like ${repair.like}`)
        break
      case 'add partitions':
        await admin.topics.addPartitions(topic, repair.partitions)
        done.push(`gave ${topic} ${repair.partitions} partitions`)
        break
      case 'alter':
        await admin.topics.alter(topic, repair.settings)
        done.push(
          `set ${Object.entries(repair.settings)
            .map(([name, value]) => `${name}=${value}`)
            .join(', ')} on ${topic}`,
        )
    }
  }
  return done
}
