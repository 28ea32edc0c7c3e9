import avro from 'avsc'
import { openTableFile, type TableFile } from '../../src/files/reading/table-file.ts'
import type { TableFileOptions } from '../../src/files/reading/table-options.ts'
import { load } from '../../src/stages/load.ts'
import { exactLong, MemoryLog } from './memory-log.ts'
import './one-database.ts'

export interface LoadedRows {
  readonly table: TableFile
  /** as avsc reads them from the batches, longs as bigint; in the file's order */
  readonly rows: readonly Record<string, unknown>[]
}

/** Loads a file into a log in memory and reads the log with avsc. */
export async function loadedRows(file: string, options: Partial<TableFileOptions> = {}): Promise<LoadedRows> {
  const table = await openTableFile({ file, dataset: 'rows', ...options })
  try {
    const log = new MemoryLog()
    await load({
      table,
      topic: 't',
      partitions: 1,
      registerSchema: async () => 77,
      writer: log,
      files: log.files,
      nowMs: 1_700_000_000_000,
      limits: { batchBytes: 500_000, compression: 'none' },
      signal: new AbortController().signal,
    })
    return { table, rows: decodedRows(log, table.schema) }
  } finally {
    await table.close()
  }
}

/** Rows of a log as avsc reads them, longs as bigint. */
export function decodedRows(log: MemoryLog, schema: string): Record<string, unknown>[] {
  const type = avro.Type.forSchema(JSON.parse(schema), {
    wrapUnions: 'never',
    typeHook: (json: unknown) => (((json as { type?: string }).type ?? json) === 'long' ? exactLong : undefined),
  } as never)
  return log
    .rows()
    .map(({ value }) => ({ ...(type.fromBuffer((value as Buffer).subarray(5)) as Record<string, unknown>) }))
}
