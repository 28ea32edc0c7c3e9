// A program that takes rows through the whole row path under names from outside. It is run where no text can become
// code (--disallow-code-generation-from-strings); avsc, which generates code, encodes the rows before, in the test.
import { deepEqual, equal } from 'node:assert/strict'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { decodeRows } from '../../src/rows/decode-rows.ts'
import { deriveNormalizedSchema, parseNormalizedSchema } from '../../src/rows/normalized-schema.ts'
import { NormalizedWriter } from '../../src/rows/normalized-writer.ts'
import { numericColumns } from '../../src/rows/numeric-columns.ts'
import { compileRowPlan } from '../../src/rows/row-plan.ts'
import { columnsFor, framed, recordsOf } from '../rows/records-of.ts'

let generates = true
try {
  // biome-ignore lint/security/noGlobalEval: whether it works is the question
  eval('1')
} catch {
  generates = false
}
equal(generates, false, 'text can become code here')

const names: readonly string[] = JSON.parse(process.argv[2])
const fields = names.flatMap((name, i) => [
  { name, type: 'double', doc: name, [name]: name },
  { name: `text_${i}`, type: 'string' },
])
const json = JSON.stringify({ type: 'record', name: 'Row', fields, [names[0]]: 'a property' })
const schema = parseAvroSchema(json)
const modelled = numericColumns(schema)
deepEqual(
  modelled.map(({ name }) => name),
  names,
)
const plan = compileRowPlan(schema, modelled)
if (plan.kind === 'mismatch') throw new Error(plan.reason)
// A double of 1.5 and an empty text each.
const body = Buffer.concat(names.map(() => Buffer.from('000000000000f83f00', 'hex')))
const records = recordsOf([framed(1, body)])
const { columns } = columnsFor(records, modelled.length)
decodeRows(plan, records, 0, records.count, columns)
for (const values of columns.values) equal(values[0], 1.5)
const modes = modelled.map(() => Uint8Array.of(3))
const writer = new NormalizedWriter()
writer.beginRun({ records, columns, plan, schemaId: 2, modelVersion: 1, values: columns.values, modes })
const derived = parseNormalizedSchema(deriveNormalizedSchema(json, modelled))
deepEqual(
  derived.columns.map(({ name }) => name),
  names,
)
equal(derived.rawSchema, json)
equal(Object.keys(Object.prototype).length, 0)
process.stdout.write('whole')
