/**
 * Writes the table of checks into docs/doctor.md, from src/doctor/checks.ts.
 *
 *     node scripts/doctor-table.ts
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checks } from '../src/doctor/checks.ts'

const [begin, end] = ['<!-- checks: node scripts/doctor-table.ts -->', '<!-- end of the checks -->']

/** The file with its table as the source has it now; everything around it stays. @throws if it has no place for it */
export function withChecks(markdown: string): string {
  const [at, to] = [markdown.indexOf(begin), markdown.indexOf(end)]
  if (at < 0 || to < at) throw new Error(`There is no place for the table: "${begin}" and "${end}"`)
  const rows = checks.flatMap(([heading, group]) =>
    group.map(({ name, about }) => `| ${heading} | \`${name}\` | ${about} |`),
  )
  const table = ['| part | check | what is well |', '|---|---|---|', ...rows]
  return `${markdown.slice(0, at + begin.length)}\n\n${table.join('\n')}\n\n${markdown.slice(to)}`
}

if (import.meta.main) {
  const path = join(import.meta.dirname, '../docs/doctor.md')
  writeFileSync(path, withChecks(readFileSync(path, 'utf8')))
}
