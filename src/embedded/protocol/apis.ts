import * as admin from './admin-apis.ts'
import * as cluster from './cluster-apis.ts'
import * as group from './group-apis.ts'
import * as log from './log-apis.ts'
import type { ReadOf, WrittenOf } from './message.ts'
import * as transaction from './transaction-apis.ts'

/** All APIs that the embedded broker offers. */
export const apis = { ...log, ...cluster, ...group, ...transaction, ...admin }

export type ApiName = keyof typeof apis

/** A request as it is read: fields that its version lacks have their defaults. */
export type RequestOf<N extends ApiName> = ReadOf<(typeof apis)[N]['request']>

/** An answer as it is written: fields that have a default may be left out. */
export type ResponseOf<N extends ApiName> = WrittenOf<(typeof apis)[N]['response']>

export interface OfferedVersions {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/**
 * What the answer to ApiVersions says of our APIs. As Apache Kafka 4 does, it names version 0 of Produce, which nobody
 * may use: without it librdkafka writes batches uncompressed (KAFKA-18659).
 */
export const offeredVersions: readonly OfferedVersions[] = Object.values(apis)
  .map(({ key, name, versions: [oldest, newest] }) => ({
    apiKey: key,
    minVersion: name === 'Produce' ? 0 : oldest,
    maxVersion: newest,
  }))
  .sort((a, b) => a.apiKey - b.apiKey)
