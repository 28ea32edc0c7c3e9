import type { Records } from '../batch/records.ts'
import type { ValueWriter } from '../batch/value-writer.ts'
import type { RowColumns } from '../rows/row-columns.ts'
import { type RowError, rowErrors } from '../rows/row-error.ts'
import { createSchemaRuns, failRows, noSchema, readSchemaRuns } from '../rows/schema-runs.ts'
import type { SchemaStore } from './ports.ts'
import { sendRows } from './send-rows.ts'
import type { RowTarget } from './transform-topic.ts'

/** Why all rows of a schema become dead letters. */
export interface UnusableSchema {
  readonly error: RowError
  /** a clause, for the log */
  readonly reason: string
}

export interface SchemaPlansOptions<Plan> {
  readonly registry: Pick<SchemaStore, 'schemaById'>
  /** What to do with rows of a schema, given as JSON text. */
  readonly compile: (schema: string) => Promise<Plan | UnusableSchema>
  /** told once for each schema whose rows all become dead letters, up to a hundred */
  readonly onUnusableSchema: (schemaId: number, reason: string) => void
}

/** Ids that are reported one by one: in a topic of garbage each row may name another. */
const maxReported = 100

/** Knows how to process the rows of each schema id that turns up: writers' schemas may change in mid-stream. */
export class SchemaPlans<Plan extends object> {
  readonly #options: SchemaPlansOptions<Plan>
  readonly #plans = new Map<number, Plan | UnusableSchema>()
  readonly #reported = new Set<number>()
  readonly #runs = createSchemaRuns()

  constructor(options: SchemaPlansOptions<Plan>) {
    this.#options = options
  }

  /** Forgets all plans, as when the model they were made for is replaced. */
  clear(): void {
    this.#plans.clear()
  }

  /**
   * Processes rows [from, to) run by run of one schema, and sends each where it belongs.
   *
   * @param columns with room for the batch's rows; their status is set here
   * @param process prepares `values` for rows [start, end), or fails some of them
   */
  async send(
    records: Records,
    from: number,
    to: number,
    columns: RowColumns,
    values: ValueWriter,
    target: RowTarget,
    process: (plan: Plan, start: number, end: number, schemaId: number) => Promise<void> | void,
  ): Promise<void> {
    readSchemaRuns(records, columns.status, this.#runs)
    const { count, from: runFrom, to: runTo, schemaId } = this.#runs
    for (let run = 0; run < count; run++) {
      const id = schemaId[run]
      const start = Math.max(from, runFrom[run])
      const end = Math.min(to, runTo[run])
      if (start >= end) continue
      if (id !== noSchema) {
        const plan = this.#plans.get(id) ?? (await this.#compile(id))
        if ('error' in plan) failRows(records, columns.status, start, end, plan.error)
        else await process(plan, start, end, id)
      }
      await sendRows(records, start, end, columns.status, values, target)
    }
  }

  async #compile(id: number): Promise<Plan | UnusableSchema> {
    const { registry, compile, onUnusableSchema } = this.#options
    const schema = await registry.schemaById(id)
    const plan = schema === undefined ? unknownSchema : await compile(schema)
    if ('error' in plan && !this.#reported.has(id) && this.#reported.size < maxReported) {
      this.#reported.add(id)
      onUnusableSchema(id, plan.reason)
    }
    // An id that the registry does not know may be registered the next moment.
    if (plan !== unknownSchema) this.#plans.set(id, plan)
    return plan
  }
}

const unknownSchema: UnusableSchema = {
  error: rowErrors.unknownSchema,
  reason: 'the registry knows no Avro schema of this id',
}
