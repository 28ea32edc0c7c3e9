/** A name as DuckDB reads it, whatever characters it has. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text as DuckDB reads it. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
