import type { Records } from '../batch/records.ts'
import { type RowError, rowErrors } from '../rows/row-error.ts'
import { lookOf, type RowLook } from '../rows/row-look.ts'
import { noSchema, type SchemaRuns } from '../rows/schema-runs.ts'
import type { RowCensus } from './row-census.ts'
import type { RowSchemas } from './row-schemas.ts'

interface KeyCounts {
  rows: number
  readonly failed: Map<RowError, number>
}

/** More than this are not schemas but random bytes, and would fill the memory. */
const mostSchemas = 10_000

/** Counts rows by the schema that they name and by what became of them. */
export class RowCounter {
  readonly #schemas: RowSchemas
  /** by key of the schema */
  readonly #counts = new Map<number, KeyCounts>()
  /** of all others */
  readonly #surplus: KeyCounts = { rows: 0, failed: new Map() }
  readonly #looks = new Map<RowLook, number>()
  #tombstones = 0

  /** @param schemas that have split the rows into runs */
  constructor(schemas: RowSchemas) {
    this.#schemas = schemas
  }

  /**
   * Counts rows [from, to), as they were decoded.
   *
   * @param status shape (records.count) at least
   * @param mayFail false if none of these rows has failed
   */
  add(records: Records, from: number, to: number, runs: SchemaRuns, status: Uint8Array, mayFail: boolean): void {
    for (let run = 0; run < runs.count; run++) {
      const start = Math.max(from, runs.from[run])
      const end = Math.min(to, runs.to[run])
      if (start >= end) continue
      const counts = this.#of(runs.schemaId[run])
      const rows = valuesWithin(records, start, end)
      counts.rows += rows
      this.#tombstones += end - start - rows
      if (mayFail) this.#addFailed(records, start, end, status, counts)
    }
  }

  get census(): RowCensus {
    const schemas = [...this.#counts].filter(([key, { rows }]) => key !== noSchema && rows > 0)
    return {
      schemas: new Map(schemas.map(([key, { rows, failed }]) => [this.#schemas.name(key), { rows, failed }])),
      looks: this.#surplus.rows === 0 ? this.#looks : new Map([...this.#looks, ['garbage', this.#surplus.rows]]),
      tombstones: this.#tombstones,
    }
  }

  #of(key: number): KeyCounts {
    let counts = this.#counts.get(key)
    if (counts === undefined) {
      if (this.#counts.size > mostSchemas) return this.#surplus
      counts = { rows: 0, failed: new Map() }
      this.#counts.set(key, counts)
    }
    return counts
  }

  #addFailed(records: Records, from: number, to: number, status: Uint8Array, counts: KeyCounts): void {
    const { bytes, valueStart, valueEnd } = records
    for (let row = from; row < to; row++) {
      const error = status[row] as RowError
      if (error === rowErrors.none) continue
      // A badly framed row belongs to no schema, though it stands in a run of one.
      if (error !== rowErrors.badFraming) counts.failed.set(error, (counts.failed.get(error) ?? 0) + 1)
      else {
        counts.rows--
        const look = lookOf(bytes, valueStart[row], valueEnd[row])
        this.#looks.set(look, (this.#looks.get(look) ?? 0) + 1)
      }
    }
  }
}

/** Rows of [from, to) that are no tombstones. */
function valuesWithin({ valueStart }: Records, from: number, to: number): number {
  let rows = 0
  for (let row = from; row < to; row++) if (valueStart[row] >= 0) rows++
  return rows
}
