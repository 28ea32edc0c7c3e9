/**
 * The whole flow on each release of Kafka and Apicurio Registry that docs/versions.md names: `npm run test:versions`,
 * by hand, some minutes. Jars come through Maven, once.
 *
 *     node test/versions/run.ts [part of a version ...]
 *
 * Prints the table, and writes the rows of what was run into docs/versions.md.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Outcome, runFlow, stepNames } from './flow.ts'
import { startReleases } from './release-cluster.ts'
import { type Releases, releases } from './releases.ts'
import { versionsTable, withVersionsTable } from './versions-table.ts'

const parts = process.argv.slice(2)
const isChosen = ({ kafka, registry }: Releases) =>
  parts.length === 0 || parts.some((part) => kafka.includes(part) || registry.includes(part))

const rows: { releases: Releases; outcomes: ReadonlyMap<string, Outcome> }[] = []
for (const chosen of releases.filter(isChosen)) {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-versions-'))
  const cluster = await startReleases(chosen)
  try {
    const outcomes = await runFlow(cluster, folder)
    rows.push({ releases: chosen, outcomes })
    const failed = stepNames.flatMap((name) => (outcomes.get(name) ? [`  ${name}: ${outcomes.get(name)}\n`] : []))
    process.stderr.write(
      `Kafka ${chosen.kafka}, Apicurio ${chosen.registry}: ${failed.length === 0 ? 'holds' : 'fails'}\n`,
    )
    process.stderr.write(failed.join(''))
  } finally {
    await cluster.stop()
    rmSync(folder, { recursive: true })
  }
}
process.stdout.write(`${versionsTable(rows)}\n`)
const file = join(import.meta.dirname, '../../docs/versions.md')
writeFileSync(file, withVersionsTable(readFileSync(file, 'utf8'), rows))
process.exitCode =
  rows.length > 0 && rows.every(({ outcomes }) => [...outcomes.values()].every((it) => it === '')) ? 0 : 1
