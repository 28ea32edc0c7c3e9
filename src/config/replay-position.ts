import { timeForms, timeOfFlag } from './time-text.ts'
import type { ValueRule } from './value-rules.ts'

/** Where a replay begins or stops in each partition. */
export type ReplayPosition = 'start' | 'end' | { readonly timestampMs: number } | { readonly offset: number }

/** Undefined for a text that is no position. */
export function parsePosition(text: string): ReplayPosition | undefined {
  if (text === 'start' || text === 'end') return text
  if (/^\d+$/.test(text)) return { offset: Number(text) }
  if (!text.startsWith('@')) return undefined
  const timestampMs = timeOfFlag(text.slice(1))
  return Number.isNaN(timestampMs) ? undefined : { timestampMs }
}

export const replayPosition: ValueRule<string> = {
  allows: (value) => typeof value === 'string' && parsePosition(value) !== undefined,
  may: `an offset (120000), start, end, or a time behind an @: ${timeForms}`,
}
