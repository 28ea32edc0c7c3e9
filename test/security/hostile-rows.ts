// A program that takes rows through the whole row path under names from outside. It is run where no text can become
// code (--disallow-code-generation-from-strings); avsc, which generates code, encodes the rows before, in the test.
import { deepEqual, equal } from 'node:assert/strict'
import { KernelColumns } from '../../src/kernel/kernel-columns.ts'
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { deriveNormalizedSchema, parseNormalizedSchema } from '../../src/rows/normalized-schema.ts'
import { numericColumns } from '../../src/rows/numeric-columns.ts'
import { planColumns } from '../../src/rows/planned-columns.ts'
import { compileRowProgram } from '../../src/rows/row-program.ts'
import { readValues } from '../kernel/read-values.ts'
import { framed } from '../rows/records-of.ts'

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
const columns = planColumns(schema, modelled)
if ('reason' in columns) throw new Error(columns.reason)
// A double of 1.5 and an empty text each.
const body = Buffer.concat(names.map(() => Buffer.from('000000000000f83f00', 'hex')))
const kernel = new RowKernel()
readValues(kernel, [framed(1, body)])
const kept = new KernelColumns(kernel, columns.length)
kept.reserve(1)
kernel.decode(compileRowProgram(schema, columns, 'store'), kept.at, 0, 1)
equal(kernel.status[0], 0)
for (const c of columns.keys()) equal(kept.values(c, 0, 1)[0], 1.5)
kernel.begin({
  program: compileRowProgram(schema, columns, 'replacePairs'),
  columns: kept.at,
  head: framed(2, Uint8Array.of(2)),
})
equal(kernel.encode(0, 1, 61, 2 ** 20, 0, 0, 0).next, 1)
const derived = parseNormalizedSchema(deriveNormalizedSchema(json, modelled))
deepEqual(
  derived.columns.map(({ name }) => name),
  names,
)
equal(derived.rawSchema, json)
equal(Object.keys(Object.prototype).length, 0)
process.stdout.write('whole')
