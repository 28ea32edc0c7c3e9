import { framingBytes } from '../avro/framing.ts'
import type { Records } from '../batch/records.ts'
import { maxLongBytes, varintEnd, zigzag } from '../batch/varint.ts'
import type { SchemaSource } from '../ports/log.ts'
import { rowErrors } from '../rows/row-error.ts'
import { type RowSchemaName, unionBranchOf } from '../rows/schema-name.ts'
import { addRun, createSchemaRuns, noSchema, readSchemaRuns, type SchemaRuns } from '../rows/schema-runs.ts'
import { unionBranches } from '../rows/whole-schema.ts'
import { lookUpSchemas } from './look-up-schemas.ts'

/** Bytes of Apicurio's own framing: the magic byte 0 and an id of eight. */
const longFramingBytes = 9

/** Neighbouring rows that one schema is read with; numbers as in `SchemaRuns`. */
interface Stretch {
  readonly from: number
  readonly to: number
  readonly key: number
  readonly bodyShift: number
  readonly isInHeader: number
}

/**
 * The schemas that rows were written with. A row names its schema in five bytes before the value, in Apicurio's nine
 * bytes, or in a header. If the schema is a union, the row has the schema of its branch.
 */
export class RowSchemas {
  readonly #source: SchemaSource
  readonly #framed = createSchemaRuns()
  readonly #refined: SchemaRuns
  /** by key, those that are found, and for good */
  readonly #schemas = new Map<number, string>()
  /** by key, of the schemas that are unions */
  readonly #branches = new Map<number, readonly string[]>()
  /** keys without a schema in the registry; a schema may be registered at any moment */
  readonly #unknown = new Set<number>()

  constructor(source: SchemaSource) {
    this.#source = source
    this.#refined = createSchemaRuns(16, this.#framed.keys)
  }

  /**
   * Splits rows into runs of one schema, and sets every row's status as `readSchemaRuns` does. The schemas of rows
   * [from, to) are looked up first.
   *
   * @param endMs as `performance.now` counts: schemas that there is no time for are not settled then. Without it,
   * schemas that were unknown
   *              are asked for each time
   * @returns runs whose ids are keys for the other methods; overwritten by the next call
   */
  async read(
    records: Records,
    status: Uint8Array,
    from = 0,
    to = records.count,
    endMs = Number.POSITIVE_INFINITY,
  ): Promise<SchemaRuns> {
    const framed = this.#framed
    if (endMs === Number.POSITIVE_INFINITY) this.forgetUnknown()
    readSchemaRuns(records, status, framed)
    return this.#areKnownRecords(framed) ? framed : this.#refine(records, status, from, to, endMs)
  }

  /** Requests the schemas again that the registry did not know. */
  forgetUnknown(): void {
    this.#unknown.clear()
  }

  /** Whether it is known which schema this is, or that the registry has none. */
  isSettled(key: number): boolean {
    if (this.#schemas.has(key) || this.#unknown.has(key)) return true
    const { of, branch } = unionBranchOf(this.name(key))
    return branch !== undefined && this.#branches.has(this.#framed.keys.keyOf(of) ?? noSchema)
  }

  /** JSON text of the schema; undefined if there is none: `problem` says why. */
  async schema(key: number): Promise<string | undefined> {
    const known = this.#schemas.get(key)
    if (known !== undefined) return known
    const { of, branch } = unionBranchOf(this.name(key))
    if (branch !== undefined) return this.#branches.get(this.#framed.keys.keyOf(of) ?? noSchema)?.[branch]
    if (this.#unknown.has(key)) return undefined
    const schema = await this.#source.schemaById(of)
    if (schema === undefined) {
      this.#unknown.add(key)
      return undefined
    }
    this.#schemas.set(key, schema)
    const branches = branchesOf(schema)
    if (branches !== undefined) this.#branches.set(key, branches)
    return schema
  }

  /** Why there is no schema: a clause. */
  problem(key: number): string {
    const { of } = unionBranchOf(this.name(key))
    return this.#source.schemaProblem?.(of) ?? 'the registry knows no Avro schema of this id'
  }

  /** The schema with a name that rows have, as of another reader of theirs; or why there is none: a clause. */
  async named(name: RowSchemaName): Promise<{ readonly json: string } | { readonly problem: string }> {
    const { keys } = this.#framed
    const [union, key] = [keys.keyOf(unionBranchOf(name).of), keys.keyOf(name)]
    if (union === undefined || key === undefined)
      return { problem: 'the rows name more schemas than can be told apart' }
    await this.schema(union)
    const json = await this.schema(key)
    return json === undefined ? { problem: this.problem(key) } : { json }
  }

  name(key: number): RowSchemaName {
    return this.#framed.keys.nameOf(key)
  }

  #areKnownRecords({ count, schemaId }: SchemaRuns): boolean {
    for (let run = 0; run < count; run++) {
      const key = schemaId[run]
      if (key !== noSchema && (!this.#schemas.has(key) || this.#branches.has(key))) return false
    }
    return true
  }

  async #refine(records: Records, status: Uint8Array, from: number, to: number, endMs: number): Promise<SchemaRuns> {
    const framed = stretchesOf(this.#framed)
    await this.#lookUp(
      framed.filter((stretch) => stretch.from < to && stretch.to > from),
      endMs,
    )
    const stretches: Stretch[] = []
    for (const stretch of framed)
      for (const one of await this.#byLongId(records, status, stretch, endMs))
        stretches.push(...this.#byBranch(records, status, one))
    const runs = this.#refined
    runs.count = 0
    for (const { from, to, key, bodyShift, isInHeader } of stretches) addRun(runs, from, to, key, bodyShift, isInHeader)
    return runs
  }

  async #lookUp(stretches: readonly Pick<Stretch, 'key'>[], endMs: number): Promise<void> {
    const missing = new Set<number>()
    for (const { key } of stretches) if (key !== noSchema && !this.isSettled(key)) missing.add(key)
    if (missing.size > 0) await lookUpSchemas({ schemaById: (key: number) => this.schema(key) }, missing, endMs)
  }

  /** Eight bytes of an id below 2^32 begin as four of id 0 do, which registries do not assign. */
  async #byLongId(records: Records, status: Uint8Array, stretch: Stretch, endMs: number): Promise<readonly Stretch[]> {
    if (stretch.key !== 0 || stretch.isInHeader !== 0 || !this.#unknown.has(0)) return [stretch]
    const { keys } = this.#framed
    const split = splitStretch(records, status, stretch, ({ view, valueStart, valueEnd }, row) => {
      const start = valueStart[row]
      if (valueEnd[row] - start < longFramingBytes) return undefined
      const id = view.getInt32(start + 1) * 2 ** 32 + view.getUint32(start + framingBytes)
      const key = keys.keyOf(`apicurio-id:${id}`)
      return key === undefined ? undefined : { key, bodyShift: longFramingBytes - framingBytes }
    })
    await this.#lookUp(split, endMs)
    // An id that is unknown in both framings counts as an id of four bytes.
    return split.every(({ key }) => this.#unknown.has(key)) ? [stretch] : split
  }

  #byBranch(records: Records, status: Uint8Array, stretch: Stretch): readonly Stretch[] {
    const branches = this.#branches.get(stretch.key)
    if (branches === undefined) return [stretch]
    const { keys } = this.#framed
    const union = unionBranchOf(this.name(stretch.key)).of
    const branchKeys = branches.map((_, branch) => keys.keyOf(`${union}#${branch}`))
    return splitStretch(records, status, stretch, ({ bytes, valueStart, valueEnd }, row) => {
      const at = valueStart[row] + framingBytes + stretch.bodyShift
      const end = varintEnd(bytes, at, valueEnd[row], maxLongBytes)
      const key = end < 0 ? undefined : branchKeys[zigzag(bytes, at, end)]
      if (key === undefined) status[row] = rowErrors.malformed
      return key === undefined ? undefined : { key, bodyShift: stretch.bodyShift + end - at }
    })
  }
}

/** The union's branches; undefined for any other schema, and for a text that is none. */
function branchesOf(schema: string): readonly string[] | undefined {
  try {
    return unionBranches(schema)
  } catch {
    // Compiling it reports the problem.
    return undefined
  }
}

function stretchesOf({ count, from, to, schemaId, bodyShift, isInHeader }: SchemaRuns): Stretch[] {
  return Array.from({ length: count }, (_, run) => ({
    from: from[run],
    to: to[run],
    key: schemaId[run],
    bodyShift: bodyShift[run],
    isInHeader: isInHeader[run],
  }))
}

/**
 * Splits a stretch where what `schemaOf` says of its readable rows changes; undefined leaves a row to the stretch
 * itself.
 */
function splitStretch(
  records: Records,
  status: Uint8Array,
  stretch: Stretch,
  schemaOf: (records: Records, row: number) => Pick<Stretch, 'key' | 'bodyShift'> | undefined,
): Stretch[] {
  const { valueStart } = records
  const split: Stretch[] = []
  let current: Pick<Stretch, 'key' | 'bodyShift'> | undefined
  let from = stretch.from
  for (let row = stretch.from; row < stretch.to; row++) {
    if (valueStart[row] < 0 || status[row] !== rowErrors.none) continue
    const next = schemaOf(records, row) ?? stretch
    // It may have failed just now.
    if (status[row] !== rowErrors.none || (next.key === current?.key && next.bodyShift === current.bodyShift)) continue
    if (current !== undefined) {
      split.push({ ...stretch, ...pick(current), from, to: row })
      from = row
    }
    current = next
  }
  split.push({ ...stretch, ...pick(current ?? stretch), from, to: stretch.to })
  return split
}

const pick = ({ key, bodyShift }: Pick<Stretch, 'key' | 'bodyShift'>) => ({ key, bodyShift })
