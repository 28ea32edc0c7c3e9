import type { ValueRule } from './value-rules.ts'

/** Where a replay begins or stops in each partition. */
export type ReplayPosition = 'start' | 'end' | { readonly timestampMs: number } | { readonly offset: number }

/** Undefined for a text that is no position. */
export function parsePosition(text: string): ReplayPosition | undefined {
  if (text === 'start' || text === 'end') return text
  if (/^\d+$/.test(text)) return { offset: Number(text) }
  if (!text.startsWith('@')) return undefined
  const time = text.slice(1)
  const timestampMs = /^\d+$/.test(time) ? Number(time) : Date.parse(time)
  return Number.isNaN(timestampMs) ? undefined : { timestampMs }
}

export const replayPosition: ValueRule<string> = {
  allows: (value) => typeof value === 'string' && parsePosition(value) !== undefined,
  may: 'an offset (120000), a time (@2026-11-23T06:00:00Z, or @ and ms since 1970), start or end',
}
