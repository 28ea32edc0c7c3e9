import { deepEqual, equal } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { RecordBatchWriter } from '../../src/batch/record-batch-writer.ts'
import { driftBins } from '../../src/drift/drift-bins.ts'
import { KernelColumns } from '../../src/kernel/kernel-columns.ts'
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import { type ColumnModel, columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { Normalizer } from '../../src/mixture/normalizer.ts'
import { parseAvroSchema } from '../../src/rows/avro-schema.ts'
import { planColumns } from '../../src/rows/planned-columns.ts'
import { compileRowProgram } from '../../src/rows/row-program.ts'
import { countsOf } from '../drift/drift-example.ts'
import { column, shapes } from '../mixture/synthetic-columns.ts'
import { framed } from '../rows/records-of.ts'
import { readValues } from './read-values.ts'

const schema = parseAvroSchema({ type: 'record', name: 'Row', fields: [{ name: 'x', type: 'double' }] })

/** The counts of the kernel, and those of plain TypeScript. */
function talliesOf(model: ColumnModel, values: Float64Array, isTabulated: boolean) {
  const bins = driftBins(model)
  const kernel = new RowKernel()
  const columns = new KernelColumns(kernel, [model], Infinity, [bins.edges])
  if (isTabulated) columns.tabulateNext()
  const plan = planColumns(schema, [{ name: 'x' }])
  if ('reason' in plan) throw new Error(plan.reason)
  const rows = Array.from(values, (x) => framed(1, new Uint8Array(Float64Array.of(x).buffer)))
  readValues(kernel, rows)
  kernel.begin({ program: compileRowProgram(schema, plan, 'normalize'), columns: columns.at, head: new Uint8Array(6) })
  const writer = new RecordBatchWriter(2 ** 26)
  equal(writer.appendEncoded(kernel, 0, values.length), values.length)
  const counts = countsOf(bins)
  const modes = new Uint8Array(values.length)
  new Normalizer(model, { checks: false }).normalize(values, new Float64Array(values.length), modes)
  counts.add(values, values.length)
  counts.addModes(modes, values.length)
  return { sent: kernel.takeSent(), counted: columns.takeTally(0), expected: counts.take(), columns }
}

suite('counts of the kernel', () => {
  const drawn: Readonly<Record<string, (uniform: () => number) => number>> = {
    ...shapes,
    'whole numbers': (u) => Math.floor(50 * u() ** 2),
    'zeros and tenths': (u) => (u() < 0.3 ? 0 : Math.round(10 * shapes.tenModes(u)) / 10),
  }
  for (const [name, draw] of Object.entries(drawn))
    test(`are those of each value by slot and mode, of ${name} too, before there is a table and after`, () => {
      const model = { ...columnModel(fitMixture(column(draw, 5_000), { maxIterations: 20 })), name: 'x' } as ColumnModel
      const edges = Array.from(driftBins(model).edges).filter(Number.isFinite)
      const values = Float64Array.of(
        ...column((u) => 1.3 * draw(u), 5_000, 2),
        ...edges,
        ...edges.map((edge) => edge * (1 - 1.1e-16)),
        ...edges.map((edge) => edge * (1 + 2.3e-16)),
        0,
        -0,
      )
      for (const isTabulated of [false, true]) {
        const { sent, counted, expected, columns } = talliesOf(model, values, isTabulated)
        deepEqual(counted, expected)
        equal(sent, values.length)
        equal(Math.max(...columns.takeTally(0).slots), 0)
      }
    })
})
