import type { ClusterAdmin } from '../kafka/admin.ts'

/** What --fix may do: it makes and alters topics, and nothing else. */
export type TopicMend =
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
export async function mendTopics(admin: ClusterAdmin, mends: readonly TopicMend[]): Promise<readonly string[]> {
  const done: string[] = []
  for (const mend of mends) {
    const { topic } = mend
    switch (mend.kind) {
      case 'create models topic':
        await admin.topics.ensureModelsTopic(topic)
        done.push(`made topic ${topic}`)
        break
      case 'create positions topic':
        await admin.topics.ensurePositionsTopic(topic)
        done.push(`made topic ${topic}`)
        break
      case 'create':
        await admin.topics.ensureRowTopic(mend)
        done.push(`made topic ${topic} like ${mend.like}`)
        break
      case 'add partitions':
        await admin.topics.addPartitions(topic, mend.partitions)
        done.push(`gave ${topic} ${mend.partitions} partitions`)
        break
      case 'alter':
        await admin.topics.alter(topic, mend.settings)
        done.push(
          `set ${Object.entries(mend.settings)
            .map(([name, value]) => `${name}=${value}`)
            .join(', ')} on ${topic}`,
        )
    }
  }
  return done
}
