import { countText } from '../count-text.ts'
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
/** A line of the log is written by a thread: so long the progress lets it pass. */
const logPauseMs = 300
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
  const pace = new Pace()
  let nextMs = -Infinity
  const remove = () => {
    stream.write(clearLine)
    removeDrawn = undefined
  }
  return {
    update(done, of) {
      const nowMs = performance.now()
      pace.note(done, nowMs)
      if (nowMs < Math.max(nextMs, quietUntilMs)) return
      nextMs = nowMs + redrawMs
      removeDrawn = remove
      stream.write(`${clearLine}${barLine(label, done, of, pace)}`)
    },
    end() {
      if (removeDrawn === remove) remove()
    },
  }
}

const clearLine = '\r\x1b[2K'
let removeDrawn: (() => void) | undefined
let quietUntilMs = -Infinity

/** Removes the line that is drawn on the terminal, so that the next line of the log does not stand behind it. */
export function makeWayForLine(): void {
  removeDrawn?.()
  quietUntilMs = performance.now() + logPauseMs
}

const noProgress: Progress = { update: () => undefined, end: () => undefined }

function lines(label: string, stream: NodeJS.WriteStream, startedMs: number): Progress {
  const pace = new Pace()
  let nextMs = startedMs + firstLineMs
  return {
    update(done, of) {
      const nowMs = performance.now()
      pace.note(done, nowMs)
      if (nowMs < nextMs) return
      nextMs = nowMs + Math.min(mostBetweenLinesMs, nowMs - startedMs)
      stream.write(`${plainLine(label, done, of, pace)}\n`)
    },
    end: () => undefined,
  }
}

/** Rows per second since the first rows came: joining a group takes time in which there are none. */
class Pace {
  #first: { readonly done: number; readonly ms: number } | undefined
  rowsPerSecond: number | undefined

  note(done: number, ms: number): void {
    this.#first ??= { done, ms }
    const seconds = (ms - this.#first.ms) / 1_000
    if (seconds > 0 && done > this.#first.done) this.rowsPerSecond = (done - this.#first.done) / seconds
  }
}

/**
 * Within 80 columns.
 *
 * @example
 * barLine('normalize', 1_500_000, 3_000_000, pace)
 * // 'normalize  ##########----------  1,500,000 rows  750k/s  2 s left'
 */
function barLine(label: string, done: number, of: number | undefined, pace: Pace): string {
  const share = shareOf(done, of)
  const filled = Math.floor(barCells * (share ?? 0))
  const bar = share === undefined ? '' : `  ${'#'.repeat(filled)}${'-'.repeat(barCells - filled)}`
  const parts = [`${countText(done)} rows`, ...paceTexts(done, of, pace)]
  return `${label.padEnd(9)}${bar}  ${parts.join('  ')}`
}

/**
 * @example
 * plainLine('normalize', 1_500_000, 3_000_000, pace)
 * // 'normalize: 1,500,000 of 3,000,000 rows (50 %), 750k/s, 2 s left'
 */
function plainLine(label: string, done: number, of: number | undefined, pace: Pace): string {
  const share = shareOf(done, of)
  const rows =
    share === undefined
      ? `${countText(done)} rows`
      : `${countText(done)} of ${countText(of ?? 0)} rows (${Math.floor(100 * share)} %)`
  return `${label}: ${[rows, ...paceTexts(done, of, pace)].join(', ')}`
}

/** Undefined if nobody knows the whole. An estimate of it may turn out to be too small. */
function shareOf(done: number, of: number | undefined): number | undefined {
  return of === undefined || of <= 0 ? undefined : Math.min(1, done / of)
}

function paceTexts(done: number, of: number | undefined, { rowsPerSecond }: Pace): string[] {
  if (rowsPerSecond === undefined) return []
  const left = of === undefined || done >= of ? [] : [`${durationText((of - done) / rowsPerSecond)} left`]
  return [formatSpeed(rowsPerSecond), ...left]
}
