import { Fetch, Produce } from './log-apis.ts'
import type { ReadOf, WrittenOf } from './message.ts'
import { ApiVersions, Metadata } from './metadata-apis.ts'

/** All APIs that the embedded broker offers, in the order of their keys. */
export const apis = {
  Produce,
  Fetch,
  Metadata,
  ApiVersions,
}

export type ApiName = keyof typeof apis

/** A request as it is read: fields that its version lacks have their defaults. */
export type RequestOf<N extends ApiName> = ReadOf<(typeof apis)[N]['request']>

/** An answer as it is written: fields that have a default may be left out. */
export type ResponseOf<N extends ApiName> = WrittenOf<(typeof apis)[N]['response']>

export const apiNames = Object.keys(apis) as ApiName[]

export interface OfferedVersions {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

/** What the answer to ApiVersions says of our APIs. */
export const offeredVersions: readonly OfferedVersions[] = Object.values(apis).map(({ key, versions }) => ({
  apiKey: key,
  minVersion: versions[0],
  maxVersion: versions[1],
}))
