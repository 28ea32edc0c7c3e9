import kafkajs from 'kafkajs'
import type { FaultCluster } from './fault-cluster.ts'

/** What has settings that can be changed while the cluster runs. */
export type Configured = { readonly topic: string } | { readonly broker: number }

/** Changes settings as an operator does; a broker keeps none of those that are not named. */
export async function alterSettings(
  { brokers }: FaultCluster,
  configured: Configured,
  settings: Readonly<Record<string, string | number>>,
): Promise<void> {
  const { Kafka, ConfigResourceTypes, logLevel } = kafkajs
  const resource =
    'topic' in configured
      ? { type: ConfigResourceTypes.TOPIC, name: configured.topic }
      : { type: ConfigResourceTypes.BROKER, name: String(configured.broker) }
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    // The request replaces all settings that a topic has of its own; brokers here have none but what a case gives them.
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] })
    const own = 'topic' in configured ? resources[0].configEntries.filter(({ isDefault }) => !isDefault) : []
    const all = new Map([
      ...own.map(({ configName, configValue }) => [configName, configValue] as const),
      ...Object.entries(settings),
    ])
    const configEntries = [...all].map(([name, value]) => ({ name, value: String(value) }))
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] })
  } finally {
    await admin.disconnect()
  }
}
