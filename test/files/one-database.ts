import { DuckDBInstance } from '@duckdb/node-api'

/*
 * Whoever imports this reads all its files with one instance of DuckDB, each with a connection of its own: making an
 * instance and ending it takes longer than reading a small file.
 */

const create = DuckDBInstance.create.bind(DuckDBInstance)
/** by their options */
const instances = new Map<string, Promise<DuckDBInstance>>()

async function lasting(options: Record<string, string> | undefined): Promise<DuckDBInstance> {
  const instance = await create(':memory:', options)
  instance.closeSync = () => undefined
  return instance
}

DuckDBInstance.create = (path, options) => {
  if (path !== ':memory:') return create(path, options)
  const key = JSON.stringify(options)
  const instance = instances.get(key) ?? lasting(options)
  instances.set(key, instance)
  return instance
}
