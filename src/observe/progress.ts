import { durationText, formatSpeed } from './report-text.ts'

/**
 * Says how far something is. On a terminal: one line that is drawn over itself. Elsewhere: a line after a second, and
 * more of them ever more rarely.
 */
export interface Progress {
  /** @param of undefined if nobody knows */
  update(done: number, of?: number | undefined): void
  /** Removes the line from the terminal. */
  end(): void
}

export interface ProgressOptions {
  readonly stream?: NodeJS.WriteStream | undefined
  /** whether nothing is said where there is no terminal [false] */
  readonly isQuiet?: boolean | undefined
}

const redrawMs = 100
const barCells = 20
const firstLineMs = 1_000
/** The time between two lines doubles up to this. */
const mostBetweenLinesMs = 30_000

export function createProgress(
  label: string,
  { stream = process.stderr, isQuiet = false }: ProgressOptions = {},
): Progress {
  const startedMs = performance.now()
  if (!stream.isTTY) return isQuiet ? noProgress : lines(label, stream, startedMs)
  let drawnMs = -Infinity
  return {
    update(done, of) {
      const nowMs = performance.now()
      if (nowMs - drawnMs < redrawMs) return
      drawnMs = nowMs
      stream.write(`\r\x1b[2K${barLine(label, done, of, (nowMs - startedMs) / 1_000)}`)
    },
    end() {
      if (drawnMs > -Infinity) stream.write('\r\x1b[2K')
    },
  }
}

const noProgress: Progress = { update: () => undefined, end: () => undefined }

function lines(label: string, stream: NodeJS.WriteStream, startedMs: number): Progress {
  let nextMs = startedMs + firstLineMs
  return {
    update(done, of) {
      const nowMs = performance.now()
      if (nowMs < nextMs) return
      const sinceMs = nowMs - startedMs
      nextMs = nowMs + Math.min(mostBetweenLinesMs, sinceMs)
      stream.write(`${plainLine(label, done, of, sinceMs / 1_000)}\n`)
    },
    end: () => undefined,
  }
}

/**
 * Within 80 columns.
 *
 * @example
 * barLine('normalize', 1_500_000, 3_000_000, 2)
 * // 'normalize  ##########----------  1,500,000 rows  750k/s  2 s left'
 */
function barLine(label: string, done: number, of: number | undefined, seconds: number): string {
  const share = shareOf(done, of)
  const filled = Math.floor(barCells * (share ?? 0))
  const bar = share === undefined ? '' : `  ${'#'.repeat(filled)}${'-'.repeat(barCells - filled)}`
  const parts = [`${done.toLocaleString('en')} rows`, formatSpeed(speed(done, seconds)), ...timeLeft(done, of, seconds)]
  return `${label.padEnd(9)}${bar}  ${parts.join('  ')}`
}

/**
 * @example
 * plainLine('normalize', 1_500_000, 3_000_000, 2)
 * // 'normalize: 1,500,000 of 3,000,000 rows (50 %), 750k/s, 2 s left'
 */
function plainLine(label: string, done: number, of: number | undefined, seconds: number): string {
  const share = shareOf(done, of)
  const count = (rows: number) => rows.toLocaleString('en')
  const rows =
    share === undefined
      ? `${count(done)} rows`
      : `${count(done)} of ${count(of ?? 0)} rows (${Math.floor(100 * share)} %)`
  return `${label}: ${[rows, formatSpeed(speed(done, seconds)), ...timeLeft(done, of, seconds)].join(', ')}`
}

/** Undefined if nobody knows the whole. An estimate of it may turn out to be too small. */
function shareOf(done: number, of: number | undefined): number | undefined {
  return of === undefined || of <= 0 ? undefined : Math.min(1, done / of)
}

const speed = (done: number, seconds: number) => (seconds > 0 ? done / seconds : 0)

function timeLeft(done: number, of: number | undefined, seconds: number): string[] {
  if (of === undefined || done <= 0 || done >= of) return []
  return [`${durationText((seconds * (of - done)) / done)} left`]
}
