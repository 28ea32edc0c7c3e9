import { equal } from 'node:assert/strict'
import avro from 'avsc'
import type { Spans } from '../../../src/files/matrix/spans.ts'
import { openGenerated } from '../../../src/files/reading/generated-matrix.ts'
import { Normalizer } from '../../../src/mixture/normalizer.ts'
import type { Model } from '../../../src/model/model.ts'
import { type LoadMatrixOptions, loadMatrix } from '../../../src/stages/matrix/load-matrix.ts'
import { MemoryLog } from '../../files/memory-log.ts'
import type { RawRow } from './matrix-topic.ts'

/** Loads a matrix into a log. */
export async function loaded(file: string, spans: Spans, more: Partial<LoadMatrixOptions> = {}) {
  const log = (more.writer as MemoryLog | undefined) ?? new MemoryLog()
  const { matrix, close } = await openGenerated(file, spans)
  let schema = ''
  try {
    const report = await loadMatrix({
      matrix,
      fingerprint: 'abc',
      isChecked: false,
      spans,
      spansFile: 'spans.json',
      models: [],
      topic: 't',
      partitions: 2,
      registerSchema: async (json) => {
        schema = json
        return 7
      },
      writer: log,
      files: log.files,
      seed: 0,
      nowMs: 1_000,
      limits: { batchBytes: 100_000, compression: 'none' },
      signal: new AbortController().signal,
      ...more,
    })
    return { report, log, schema }
  } finally {
    await close()
  }
}

/** What restore makes of the rows of a log: each raw field as the row has it, or of its value and mode. */
export function restoredRows(log: MemoryLog, schema: string, model: Model): RawRow[] {
  const type = avro.Type.forSchema(JSON.parse(schema), { wrapUnions: 'never' } as never)
  const normalizers = new Map(model.columns.map((column) => [column.name, new Normalizer(column)]))
  return log.rows().map(({ value }) => {
    const { model_version, ...row } = type.fromBuffer((value as Buffer).subarray(5)) as Record<string, unknown>
    equal(model_version, model.version)
    const fields = Object.entries(row).map(([name, field]) => {
      const normalizer = normalizers.get(name)
      if (normalizer === undefined || field === null || typeof field !== 'object') return [name, field]
      const { value, mode } = field as { value: number; mode: number }
      const out = new Float64Array(1)
      normalizer.restore(Float64Array.of(value), Uint8Array.of(mode), out)
      return [name, out[0]]
    })
    return Object.fromEntries(fields) as RawRow
  })
}

/** A matrix as restore gives it back. */
export async function loadedRows(file: string, spans: Spans, model: Model): Promise<RawRow[]> {
  const { log, schema } = await loaded(file, spans, { models: model.columns, partitions: 1 })
  return restoredRows(log, schema, model)
}
