/** The kernel against the oracle, case by case until a million rows are done: `npm run test:kernel -- 1000000 SEED`. */
import { RowKernel } from '../../src/kernel/row-kernel.ts'
import { rowErrorCodes } from '../../src/rows/row-error.ts'
import { checkCase, checkWalk, noCounts } from './oracle-case.ts'

const [rows, firstSeed] = process.argv.slice(2).map(Number)
const counts = noCounts()
const kernel = new RowKernel()
let seed = firstSeed || 1
for (; counts.rows < (rows || 1_000_000); seed++) {
  for (const check of [checkCase, checkWalk])
    try {
      check(seed, counts, kernel)
    } catch (error) {
      console.error(`seed ${seed}, ${check.name}`)
      throw error
    }
}
const errors = [...counts.errors].map(([error, times]) => `${times} ${rowErrorCodes[error]}`)
console.log(
  `${counts.rows} rows of ${seed - (firstSeed || 1)} schemas are as the oracle has them: ${errors.join(', ')};`,
)
console.log(`${counts.malformedBatches} malformed batches; the kernel's memory: ${kernel.memory.bytes.length} bytes`)
