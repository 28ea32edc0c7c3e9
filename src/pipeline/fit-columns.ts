import { valueSubject } from '../config/names.ts'
import { fieldNamed } from '../rows/file-columns.ts'
import type { ClusterSession } from './cluster-session.ts'

/**
 * The columns to fit, as rows have them: they may be named as in the file that the rows were loaded from. An unknown
 * name stays as it is.
 *
 * @throws UsageError for a column of the file that is another one in rows of another schema
 */
export async function columnsToFit(
  { registry }: ClusterSession,
  rawTopic: string,
  columns: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  if (columns === undefined) return undefined
  const schemas = await registry.newest(valueSubject(rawTopic))
  return [...new Set(columns.map((name) => fieldNamed(name, schemas) ?? name))]
}
