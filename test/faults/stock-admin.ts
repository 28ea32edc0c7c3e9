import kafkajs, { type Admin } from 'kafkajs'
import type { FaultCluster } from './fault-cluster.ts'

/** Does what an operator does to topics. */
export async function withStockAdmin<T>({ brokers }: FaultCluster, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}
