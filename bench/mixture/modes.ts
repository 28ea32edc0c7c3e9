/**
 * How often the default recipe finds the number of modes: draws of well-parted normal distributions, in Markdown.
 *
 *     node bench/mixture/modes.ts                        # some ten minutes on one core
 *     node bench/mixture/modes.ts --draws 50 --rows 20000 --options '{"join": 0}'
 */
import { parseArgs } from 'node:util'
import { columnModel } from '../../src/mixture/column-model.ts'
import { fitMixture } from '../../src/mixture/fit-mixture.ts'
import { humps } from './humps.ts'

const { values: flags } = parseArgs({
  options: {
    draws: { type: 'string', default: '200' },
    rows: { type: 'string', default: '20000,200000,2000000' },
    options: { type: 'string', default: '{}' },
  },
})
const draws = Number(flags.draws)
const options = JSON.parse(flags.options)

/** Draws in which the model has as many modes as the values were drawn from. */
function found(rows: number, modes?: number): number {
  let right = 0
  for (let seed = 1; seed <= draws; seed++) {
    const { means, values } = humps(rows, seed, modes)
    if (columnModel(fitMixture(values, options)).mean.length === means.length) right++
  }
  return right
}

console.log('| rows | draws | two to five modes, all found | one mode, found |')
console.log('|---:|---:|---:|---:|')
for (const rows of flags.rows.split(',').map(Number))
  console.log(`| ${rows} | ${draws} | ${found(rows)} | ${found(rows, 1)} |`)
