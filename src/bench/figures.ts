import type { MeasurementResult, ResidentMemory } from './measurement.ts'
import type { PeerName } from './peers.ts'
import { type RowShape, rowShapes } from './row-shapes.ts'
import type { WireCopySettings } from './wire-copy-grid.ts'

/** What rows are copied by: the four shapes, and one double in a stock producer's batches. */
export type CopyShape = RowShape | 'stockProducer'
export const copyShapes: readonly CopyShape[] = [...rowShapes, 'stockProducer']

export const normalizeCases = [
  'exactlyOnce',
  'atLeastOnce',
  'tenColumns',
  'flights',
  'orders',
  'stockProducer',
  'lz4',
  'zstd',
] as const
export type NormalizeCase = (typeof normalizeCases)[number]

/** The case in which rows of a shape are normalized as peers do it. */
export const caseOf: Readonly<Record<RowShape, NormalizeCase>> = {
  oneDouble: 'exactlyOnce',
  tenColumns: 'tenColumns',
  flights: 'flights',
  orders: 'orders',
}

export const restoredShapes = ['oneDouble', 'orders'] as const satisfies readonly RowShape[]

/** A number of the result, by its path. */
export type Figure =
  | 'generate.topic'
  | 'generate.csv'
  | 'generate.parquet'
  | 'load.csv'
  | 'load.parquet'
  | 'sample'
  | 'fetch'
  | 'fitRaw'
  | `wireCopy.${CopyShape}`
  | `normalize.${NormalizeCase}`
  | `restore.${(typeof restoredShapes)[number]}`
  | 'export'
  | `peers.${RowShape}.${PeerName}`

interface Taken {
  readonly round: number
  readonly rowsPerSecond: number
}

/** What has been measured, in rows a second, by figure and round. */
export class Figures {
  readonly #taken = new Map<Figure, Taken[]>()
  readonly #memory = new Map<Figure, ResidentMemory>()
  readonly #copies = new Map<CopyShape, { readonly settings: WireCopySettings; readonly rowsPerSecond: number }>()

  add(round: number, figure: Figure, rowsPerSecond: number): void {
    const taken = this.#taken.get(figure) ?? []
    taken.push({ round, rowsPerSecond })
    this.#taken.set(figure, taken)
  }

  addMeasured(round: number, figure: Figure, { rowsPerSecond, rssBytes }: MeasurementResult): void {
    this.add(round, figure, rowsPerSecond)
    const most = Math.max(rssBytes.most, this.#memory.get(figure)?.most ?? 0)
    this.#memory.set(figure, { ...rssBytes, most })
  }

  addCopy(round: number, shape: CopyShape, settings: WireCopySettings, result: MeasurementResult): void {
    this.addMeasured(round, `wireCopy.${shape}`, result)
    const fastest = this.#copies.get(shape)
    const { rowsPerSecond } = result
    if (fastest === undefined || rowsPerSecond > fastest.rowsPerSecond)
      this.#copies.set(shape, { settings, rowsPerSecond })
  }

  /** The median over the rounds of a round's best; null if it was not measured. */
  speed(figure: Figure): number | null {
    const speed = median([...this.#rounds(figure).values()])
    return speed === null ? null : Math.round(speed)
  }

  /** The median over the rounds in which both were measured: what slows a round down slows both. */
  ratio(over: Figure, under: Figure): number | null {
    const unders = this.#rounds(under)
    const ratios = [...this.#rounds(over)].flatMap(([round, speed]) => {
      const other = unders.get(round)
      return other === undefined ? [] : [speed / other]
    })
    const ratio = median(ratios)
    return ratio === null ? null : Math.round(ratio * 1_000) / 1_000
  }

  memory(figure: Figure): ResidentMemory | null {
    return this.#memory.get(figure) ?? null
  }

  /** Of the fastest copy. */
  copySettings(shape: CopyShape): WireCopySettings | null {
    return this.#copies.get(shape)?.settings ?? null
  }

  #rounds(figure: Figure): Map<number, number> {
    const best = new Map<number, number>()
    for (const { round, rowsPerSecond } of this.#taken.get(figure) ?? [])
      best.set(round, Math.max(rowsPerSecond, best.get(round) ?? 0))
    return best
  }
}

/** Of an even number the mean of the two in the middle; null of none. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
