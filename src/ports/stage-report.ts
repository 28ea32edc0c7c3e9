/** What every row stage reports. `--json` prints it as it is. */
export interface StageReport {
  /** rows read, tombstones and dead letters included; 0 for rows that come from nowhere */
  readonly rowsIn: number
  readonly rowsOut: number
  readonly deadLetters: number
  readonly seconds: number
  readonly rowsPerSecond: number
}

export function stageReport(rowsIn: number, rowsOut: number, deadLetters: number, seconds: number): StageReport {
  return {
    rowsIn,
    rowsOut,
    deadLetters,
    seconds,
    rowsPerSecond: seconds > 0 ? Math.round(Math.max(rowsIn, rowsOut) / seconds) : 0,
  }
}
