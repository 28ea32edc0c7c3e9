import { countText } from '../count-text.ts'
import type { Model } from '../model/model.ts'

/** Work that has an end and is told of while it goes on. */
export const recordedKinds = ['load', 'generate', 'sample', 'fit', 'replay', 'verify'] as const
export type RecordedKind = (typeof recordedKinds)[number]

const states = ['running', 'done', 'failed', 'interrupted'] as const

/** What the process that does some work says of it in the control topic. */
export interface RunRecord {
  readonly kind: RecordedKind
  /** for people: a file, a topic, a group */
  readonly name: string
  /** the same for runs that go on with each other, and for what else tells of them: a file's fingerprint, a group */
  readonly subject: string
  readonly state: (typeof states)[number]
  /** rows or offsets so far */
  readonly done: number
  /** undefined if it is not known */
  readonly of?: number | undefined
  /** ms since 1970 */
  readonly startedMs: number
  /** when this was written */
  readonly atMs: number
  /** as ann@host */
  readonly by: string
  /** a line of figures; of a failure its code */
  readonly result: string
  /** that does it again, or goes on */
  readonly command: string
}

/** A run in the control topic. */
export interface RecordedRun extends RunRecord {
  readonly dataset: string
  readonly id: string
}

/**
 * Key of a run's records in the control topic: compaction keeps the last one. Keys of orders have two parts.
 *
 * @example runKey('trips', '5f0c9a1e') // '["run","trips","5f0c9a1e"]'
 */
export function runKey(dataset: string, id: string): string {
  return JSON.stringify(['run', dataset, id])
}

export function runValue(record: RunRecord): string {
  return JSON.stringify(record)
}

/** The data set and the run that a key names; undefined for another text. */
export function parseRunKey(text: string): { readonly dataset: string; readonly id: string } | undefined {
  const parts = parsed(text)
  if (!Array.isArray(parts) || parts.length !== 3 || parts[0] !== 'run') return undefined
  const [, dataset, id] = parts as readonly unknown[]
  return typeof dataset === 'string' && typeof id === 'string' ? { dataset, id } : undefined
}

/** What a value says; undefined if it is none of ours. */
export function parseRunValue(text: string): RunRecord | undefined {
  const value = parsed(text)
  if (typeof value !== 'object' || value === null) return undefined
  const { kind, name, subject, state, done, of, startedMs, atMs, by, result, command } = value as Partial<RunRecord>
  const isRun =
    (recordedKinds as readonly unknown[]).includes(kind) &&
    (states as readonly unknown[]).includes(state) &&
    [name, subject, by, result, command].every((each) => typeof each === 'string') &&
    [done, startedMs, atMs, of ?? 0].every((each) => typeof each === 'number' && Number.isFinite(each) && each >= 0)
  if (!isRun) return undefined
  return { kind, name, subject, state, done, of, startedMs, atMs, by, result, command } as RunRecord
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a fit is called. */
export function versionText(version: number): string {
  return `version ${version}`
}

/** What came of a fit. */
export function fitText({ columns, lineage }: Pick<Model, 'columns' | 'lineage'>): string {
  const modes = columns.reduce((sum, { mean }) => sum + mean.length, 0)
  const rows = countText(lineage.rowsUsed)
  return `${columns.length} columns with ${modes} modes, from ${rows} rows of ${lineage.topic}`
}
