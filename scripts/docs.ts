/**
 * Writes what the documents quote of the source: what the library exports, errors, flags, the checks of doctor, the
 * errors of brokers, the values of the chart, the schemas of the configuration file and of what commands print, and the
 * results of the faults if their files are named. Renders all documents to docs/site.
 *
 *     npm run docs
 *     npm run docs -- faults.json soak.json     # of npm run test:faults -- --json FILE
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createProgram } from '../src/commands/command-line.ts'
import { configSchema } from '../src/config/config-schema.ts'
import type { SavedResult } from '../test/faults/saved-result.ts'
import { apiPages } from './docs/api.ts'
import { withErrorTables } from './docs/broker-errors.ts'
import { withValuesTable } from './docs/chart-values.ts'
import { withChecks } from './docs/checks.ts'
import { withErrors } from './docs/errors.ts'
import { withFaultTable } from './docs/faults.ts'
import { withFlags } from './docs/flags.ts'
import {
  fileSchema,
  files,
  type JsonSchema,
  jsonDocument,
  resultSchema,
  results,
  schemaFile,
} from './docs/json-schemas.ts'
import { writeSite } from './docs/site.ts'
import { spliced } from './docs/splice.ts'

const root = join(import.meta.dirname, '..')

function rewrite(file: string, change: (text: string) => string): void {
  const path = join(root, file)
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}

for (const [file, text] of apiPages()) rewrite(`docs/api/${file}`, () => text)
rewrite('docs/doctor.md', withChecks)
rewrite('docs/errors.md', withErrors)
rewrite('docs/flags.md', (text) => withFlags(text, createProgram()))
rewrite('docs/reliability.md', withErrorTables)
rewrite('helm/vgm/README.md', withValuesTable)
rewrite('schemas/vgm-config.schema.json', () => `${JSON.stringify(configSchema(createProgram()), null, 2)}\n`)
rewrite('docs/json.md', (text) => spliced(text, 'json', jsonDocument()))
mkdirSync(join(root, 'schemas/json'), { recursive: true })
const writeSchema = (name: string, schema: JsonSchema) =>
  writeFileSync(join(root, 'schemas/json', schemaFile(name)), `${JSON.stringify(schema, null, 2)}\n`)
for (const command of Object.keys(results)) writeSchema(command, resultSchema(command))
for (const name of Object.keys(files)) writeSchema(name, fileSchema(name))
const faults = process.argv.slice(2).flatMap((file) => JSON.parse(readFileSync(file, 'utf8')) as SavedResult[])
if (faults.length > 0) rewrite('docs/reliability.md', (text) => withFaultTable(text, faults))
writeSite(join(root, 'docs/site'))
