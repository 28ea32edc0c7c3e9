/** What every row stage reports. `--json` prints it as it is. */
export interface StageReport {
  /** rows read, tombstones and dead letters included; 0 for rows that come from nowhere */
  readonly rowsIn: number
  readonly rowsOut: number
  readonly deadLetters: number
  readonly seconds: number
  readonly rowsPerSecond: number
  /** of a replay that is bounded by time */
  readonly times?: TimeCounts
  /** of a normalize with a shadow model */
  readonly shadow?: ShadowFigures
}

/** What another model would have done with rows that were normalized; of a share of them. */
export interface ShadowFigures {
  /** of the model that writes nothing */
  readonly version: number
  /** of the model that is used */
  readonly against: number
  /** that were looked at since that model is in use */
  readonly rows: number
  /** that these stand for: what follows is of them */
  readonly ofRows: number
  /** ln p of the shadow less ln p of the model in use, in nats a row */
  readonly gain: number
  /** those that both have, the first 64 */
  readonly columns: readonly ShadowColumnFigures[]
}

interface ShadowColumnFigures {
  readonly name: string
  /** those other than null, of `ofRows` */
  readonly values: number
  /** share of them that would have another mode than the partner of the one that they have */
  readonly changedMode: number
}

/** The figures of two members; those of one that has not taken the newer model yet are left out. */
export function addShadow(a: ShadowFigures, b: ShadowFigures): ShadowFigures {
  if (a.against !== b.against) return a.against > b.against ? a : b
  const mean = (x: number, n: number, y: number, m: number) => (n + m > 0 ? (x * n + y * m) / (n + m) : 0)
  return {
    ...a,
    rows: a.rows + b.rows,
    ofRows: a.ofRows + b.ofRows,
    gain: mean(a.gain, a.ofRows, b.gain, b.ofRows),
    columns: a.columns.map(({ name, values, changedMode }, c) => ({
      name,
      values: values + b.columns[c].values,
      changedMode: mean(changedMode, values, b.columns[c].changedMode, b.columns[c].values),
    })),
  }
}

/** Rows of a replay by their times; none of those left out counts among `rowsIn`. */
export interface TimeCounts {
  /** left out: outside the range of times */
  readonly leftOut: number
  /** left out: their time is null, or cannot be read */
  readonly withoutTime: number
  /** replayed although they are outside the range of times, because they stand between rows that are inside */
  readonly cameAlong: number
  /** the first row of each partition that is older than one before it */
  readonly goesBack: readonly { readonly partition: number; readonly offset: number }[]
}

export const noTimeCounts: TimeCounts = { leftOut: 0, withoutTime: 0, cameAlong: 0, goesBack: [] }

/** The counts of both; of a partition that goes back in both, the earlier row. */
export function addTimeCounts(a: TimeCounts, b: TimeCounts): TimeCounts {
  const goesBack = new Map<number, number>()
  for (const { partition, offset } of [...a.goesBack, ...b.goesBack])
    goesBack.set(partition, Math.min(offset, goesBack.get(partition) ?? offset))
  return {
    leftOut: a.leftOut + b.leftOut,
    withoutTime: a.withoutTime + b.withoutTime,
    cameAlong: a.cameAlong + b.cameAlong,
    goesBack: [...goesBack]
      .map(([partition, offset]) => ({ partition, offset }))
      .sort((x, y) => x.partition - y.partition),
  }
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

/** Of several members that ran at the same time. */
export function addReports(reports: Iterable<StageReport>): StageReport {
  const all = [...reports]
  const sum = (of: (report: StageReport) => number) => all.reduce((rows, report) => rows + of(report), 0)
  const times = all.flatMap(({ times }) => times ?? [])
  const shadows = all.flatMap(({ shadow }) => shadow ?? [])
  return {
    ...stageReport(
      sum(({ rowsIn }) => rowsIn),
      sum(({ rowsOut }) => rowsOut),
      sum(({ deadLetters }) => deadLetters),
      Math.max(0, ...all.map(({ seconds }) => seconds)),
    ),
    ...(times.length > 0 && { times: times.reduce(addTimeCounts, noTimeCounts) }),
    ...(shadows.length > 0 && { shadow: shadows.reduce(addShadow) }),
  }
}
