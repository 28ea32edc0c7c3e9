import { type Outcome, stepNames } from './flow.ts'
import { type Releases, releases } from './releases.ts'

const [begin, end] = ['<!-- table of versions: npm run test:versions -->', '<!-- end of the table of versions -->']

export interface VersionRow {
  readonly releases: Releases
  readonly outcomes: ReadonlyMap<string, Outcome>
}

export function versionsTable(rows: readonly VersionRow[]): string {
  return [...head, ...rows.map(line)].join('\n')
}

/**
 * The document with these rows in its table; those of other releases, and everything around it, stay. @throws if there
 * is no place
 */
export function withVersionsTable(markdown: string, rows: readonly VersionRow[]): string {
  const [at, to] = [markdown.indexOf(begin), markdown.indexOf(end)]
  if (at < 0 || to < at) throw new Error(`There is no place for the table: "${begin}" and "${end}"`)
  const before = markdown.slice(at, to).split('\n')
  const lines = releases.flatMap((of) => {
    const row = rows.find((each) => each.releases.kafka === of.kafka && each.releases.registry === of.registry)
    return row === undefined ? before.filter((known) => known.startsWith(names(of))) : [line(row)]
  })
  return `${markdown.slice(0, at + begin.length)}\n\n${[...head, ...lines].join('\n')}\n\n${markdown.slice(to)}`
}

const head = [
  `| Apache Kafka | Apicurio Registry | ${stepNames.join(' | ')} |`,
  `|---|---|${stepNames.map(() => '---').join('|')}|`,
]

function line({ releases: of, outcomes }: VersionRow): string {
  return `${names(of)} ${stepNames.map((name) => (outcomes.get(name) === '' ? 'yes' : 'no')).join(' | ')} |`
}

function names({ kafka, registry }: Releases): string {
  return `| ${kafka} | ${registry.replace('.Final', '')} |`
}
