import type { Records } from '../batch/records.ts'
import { PipelineError } from '../errors.ts'
import type { SchemaSource } from '../ports/log.ts'
import { type RowError, rowErrors } from '../rows/row-error.ts'
import type { RowSchemaName } from '../rows/schema-name.ts'
import { failRows, noSchema, type SchemaRuns, shiftBodies } from '../rows/schema-runs.ts'
import type { SentRun } from './encode-run.ts'
import { RowSchemas } from './row-schemas.ts'

/** Why all rows of a schema become dead letters. */
export interface UnusableSchema {
  readonly error: RowError
  /** a clause, for the log */
  readonly reason: string
}

export interface SchemaPlansOptions<Plan> {
  readonly registry: SchemaSource
  /** Compiles how rows of a schema, given as JSON text, are processed. */
  readonly compile: (schema: string) => Promise<Plan | UnusableSchema>
  /** called once for each schema whose rows all become dead letters, for at most a hundred schemas */
  readonly onUnusableSchema: (schema: RowSchemaName, reason: string) => void
}

/** Neighbouring rows of one schema. */
export interface PlannedRun<Plan> extends SentRun {
  /** key of the schema that they were written with */
  readonly schemaId: number
  /** undefined if none of them can be processed: they are null, or have failed */
  readonly plan: Plan | undefined
}

export interface PlannedRuns<Plan> {
  readonly runs: readonly PlannedRun<Plan>[]
  /** the first row whose schema could not be requested in this slice; the row after the last one if there is none */
  readonly end: number
}

/** Number of ids that are reported one by one: in a topic with random bytes each row may name another one. */
const maxReported = 100
/** Time for requesting schemas in a slice: a fraction of its transaction's time-out. */
const learningMs = 2_000
/** Time for compiling the requested schemas, in any case. */
const compilingMs = 500

/** The plans for the rows of each schema id that occurs: a producer's schema may change at any time. */
export class SchemaPlans<Plan extends object> {
  readonly #options: SchemaPlansOptions<Plan>
  readonly #plans = new Map<number, Plan | UnusableSchema>()
  readonly #reported = new Set<number>()
  readonly #schemas: RowSchemas
  /** in this slice: they may be registered the next moment */
  readonly #unknown = new Set<number>()
  #leftMs = learningMs
  #lastProblem: string | undefined

  constructor(options: SchemaPlansOptions<Plan>) {
    this.#options = options
    this.#schemas = new RowSchemas(options.registry)
  }

  /** Why the rows of the last schema without a plan cannot be processed. */
  get lastProblem(): string | undefined {
    return this.#lastProblem
  }

  /** Forgets all plans, for instance when their model is replaced. */
  clear(): void {
    this.#plans.clear()
  }

  /** Begins a slice with this much time for requesting schemas. */
  beginSlice(): void {
    this.#schemas.forgetUnknown()
    this.#unknown.clear()
    this.#leftMs = learningMs
  }

  /**
   * Splits rows [from, to) into runs of one schema, with the plan of each.
   *
   * @param status of the batch's rows, with room for them; set here: rows of a schema without a plan have failed
   */
  async runs(records: Records, from: number, to: number, status: Uint8Array): Promise<PlannedRuns<Plan>> {
    const endMs = performance.now() + this.#leftMs
    const runs = await this.#schemas.read(records, status, from, to, endMs)
    const missing = this.#missing(runs, from, to)
    if (missing.size > 0) await this.#learn(missing, endMs)
    return this.#planned(runs, records, from, to, status)
  }

  #planned(runs: SchemaRuns, records: Records, from: number, to: number, status: Uint8Array): PlannedRuns<Plan> {
    const planned: PlannedRun<Plan>[] = []
    for (let i = 0; i < runs.count; i++) {
      const schemaId = runs.schemaId[i]
      const run = {
        from: Math.max(from, runs.from[i]),
        to: Math.min(to, runs.to[i]),
        schemaId,
        bodyShift: 0,
        isInHeader: runs.isInHeader[i] !== 0,
        plan: undefined,
      }
      if (run.from >= run.to) continue
      if (schemaId === noSchema) {
        planned.push(run)
        continue
      }
      const plan = this.#plans.get(schemaId) ?? (this.#unknown.has(schemaId) ? unknownSchema : undefined)
      if (plan === undefined) return { runs: planned, end: run.from }
      if ('error' in plan) {
        failRows(records, status, run.from, run.to, plan.error)
        planned.push(run)
        continue
      }
      const bodyShift = runs.bodyShift[i]
      if (bodyShift !== 0) shiftBodies(records, run.from, run.to, bodyShift)
      planned.push({ ...run, bodyShift, plan })
    }
    return { runs: planned, end: to }
  }

  /** Unknown schemas of rows [from, to), in the order of the rows. */
  #missing({ count, from: runFrom, to: runTo, schemaId }: SchemaRuns, from: number, to: number): ReadonlySet<number> {
    const missing = new Set<number>()
    for (let run = 0; run < count; run++) {
      const id = schemaId[run]
      if (id === noSchema || this.#plans.has(id) || this.#unknown.has(id)) continue
      if (runFrom[run] < to && runTo[run] > from) missing.add(id)
    }
    return missing
  }

  /** Requests as many schemas as there is time for, in order. */
  async #learn(missing: ReadonlySet<number>, endMs: number): Promise<void> {
    // All requested schemas count, however long the responses took: otherwise a slice might get only one schema.
    const compiledMs = Math.max(endMs, performance.now() + compilingMs)
    for (const id of missing) {
      // There is no time for the later ones either.
      if (!this.#schemas.isSettled(id)) break
      const schema = await this.#schemas.schema(id)
      if (schema === undefined || performance.now() < compiledMs) await this.#compile(id, schema)
    }
    this.#leftMs = endMs - performance.now()
  }

  async #compile(id: number, schema: string | undefined): Promise<void> {
    const { compile, onUnusableSchema } = this.#options
    const plan =
      schema === undefined
        ? { ...unknownSchema, reason: this.#schemas.problem(id) }
        : await usableOrNot(compile, schema)
    if ('error' in plan) this.#lastProblem = plan.reason
    if ('error' in plan && !this.#reported.has(id) && this.#reported.size < maxReported) {
      this.#reported.add(id)
      onUnusableSchema(this.#schemas.name(id), plan.reason)
    }
    if (schema === undefined) this.#unknown.add(id)
    else this.#plans.set(id, plan)
  }
}

/** An unforeseen problem of one schema must not stop the rows of all others. */
async function usableOrNot<Plan>(
  compile: SchemaPlansOptions<Plan>['compile'],
  schema: string,
): Promise<Plan | UnusableSchema> {
  try {
    return await compile(schema)
  } catch (error) {
    if (error instanceof PipelineError) throw error
    return { error: rowErrors.schemaMismatch, reason: `it cannot be used: ${String(error)}` }
  }
}

const unknownSchema = { error: rowErrors.unknownSchema, reason: '' } satisfies UnusableSchema
