import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'

export interface DatabaseOptions {
  /** what DuckDB may hold in memory; its own default is 80 % of the machine */
  readonly memoryBytes?: number
  /** of DuckDB's pool; its own default is one a core */
  readonly threads?: number
}

/** A DuckDB and its only connection. */
export interface Database {
  readonly connection: DuckDBConnection
  close(): void
}

/**
 * Opens a DuckDB that reads and writes local files and nothing else.
 *
 * Rows come in the order of the file: a load's position is a row number, so a second run must see the same order.
 *
 * @param path of the database's own file; in memory unless given
 */
export async function openDatabase(options: DatabaseOptions = {}, path = ':memory:'): Promise<Database> {
  const instance = await DuckDBInstance.create(path, {
    preserve_insertion_order: 'true',
    // An extension would be downloaded; CSV, Parquet and JSON are built in.
    autoinstall_known_extensions: 'false',
    ...(options.memoryBytes === undefined
      ? {}
      : { memory_limit: `${Math.max(1, Math.floor(options.memoryBytes / 2 ** 20))}MiB` }),
    ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
  })
  const connection = await instance.connect()
  // Else a time without a zone has that of the machine as TIMESTAMPTZ, and a file means another thing elsewhere.
  await connection.run("SET TimeZone = 'UTC'")
  return {
    connection,
    close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}
