/** Says how far something is. On a terminal: one line that is drawn over itself; elsewhere nothing. */
export interface Progress {
  /** @param of undefined if nobody knows */
  update(done: number, of?: number | undefined): void
  /** Removes the line. */
  end(): void
}

const redrawMs = 100
const barCells = 24

export function createProgress(label: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) return { update: () => undefined, end: () => undefined }
  const startedMs = performance.now()
  let drawnMs = -Infinity
  return {
    update(done, of) {
      const nowMs = performance.now()
      if (nowMs - drawnMs < redrawMs) return
      drawnMs = nowMs
      stream.write(`\r\x1b[2K${progressLine(label, done, of, (nowMs - startedMs) / 1_000)}`)
    },
    end() {
      if (drawnMs > -Infinity) stream.write('\r\x1b[2K')
    },
  }
}

/**
 * @example
 * progressLine('normalize', 1_500_000, 3_000_000, 2) // 'normalize  ############------------  1,500,000 rows  0.8M/s'
 */
function progressLine(label: string, done: number, of: number | undefined, seconds: number): string {
  const filled = of === undefined || of === 0 ? 0 : Math.min(barCells, Math.floor((barCells * done) / of))
  const bar = of === undefined ? '' : `  ${'#'.repeat(filled)}${'-'.repeat(barCells - filled)}`
  const speed = seconds > 0 ? done / seconds : 0
  return `${label.padEnd(9)}${bar}  ${done.toLocaleString('en')} rows  ${formatSpeed(speed)}`
}

/** @example formatSpeed(2_340_000) // '2.3M/s' */
export function formatSpeed(rowsPerSecond: number): string {
  if (rowsPerSecond >= 999_500) return `${(rowsPerSecond / 1e6).toFixed(1)}M/s`
  if (rowsPerSecond >= 1_000) return `${Math.round(rowsPerSecond / 1e3)}k/s`
  return `${Math.round(rowsPerSecond)}/s`
}
