/** What a replay keeps beside its position in a partition: where it stops there. */
export interface ReplayNote {
  /** reading stops before this offset */
  readonly to: number
  /** topic that is written */
  readonly output: string
}

/** @example replayNote({ to: 120, output: 'trips.normalized.v2' }) // '{"replay":{"to":120,"output":"trips..."}}' */
export function replayNote({ to, output }: ReplayNote): string {
  return JSON.stringify({ replay: { to, output } })
}

/** The reverse; undefined for another text, as other stages keep. */
export function parseReplayNote(text: string | undefined): ReplayNote | undefined {
  if (text === undefined || !text.startsWith('{"replay":')) return undefined
  try {
    const { to, output } = (JSON.parse(text) as { replay: Partial<ReplayNote> }).replay
    return Number.isSafeInteger(to) && typeof output === 'string' ? { to: to as number, output } : undefined
  } catch {
    return undefined
  }
}
