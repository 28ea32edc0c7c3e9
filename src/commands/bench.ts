import type { Command } from 'commander'
import { benchResult, benchText } from '../bench/bench-report.ts'
import { type BenchPart, benchParts, chosenParts } from '../bench/parts.ts'
import type { PreparePeers } from '../bench/peers.ts'
import { type RowShape, rowShapes } from '../bench/row-shapes.ts'
import { parseCount, parseNames } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import { type ClusterCommandFlags, printResult, withCluster } from './command-context.ts'
import { type OwnClusterFlags, ownClusterCommand, withOwnCluster } from './own-cluster.ts'

interface BenchFlags extends ClusterCommandFlags, OwnClusterFlags {
  readonly rows: number
  readonly rounds: number
  readonly only?: BenchPart[]
  readonly without?: BenchPart[]
  readonly shapes?: RowShape[]
}

/** For the flags that choose parts. */
export const parseParts = parseNames(benchParts)

/** @param preparePeers what only a checkout has: bench/run.ts gives it */
export function benchCommand(preparePeers?: PreparePeers): Command {
  return ownClusterCommand(
    'bench',
    'measure the pipeline on this machine, its ceiling and other programs',
    'vgm bench --rows 1e6 --rounds 1 --only wireCopy,normalize',
  )
    .option('--rows <n>', 'number of rows, of one double column; 1e7 take some 3 GB of disk', parseCount, 10_000_000)
    .option('--rounds <n>', 'number of rounds; each figure is the median of them', parseCount, 3)
    .option('--only <parts>', `with commas between: ${benchParts.join(', ')}`, parseParts)
    .option('--without <parts>', 'parts not to measure', parseParts)
    .option('--shapes <shapes>', `shapes of rows: ${rowShapes.join(', ')}`, parseNames(rowShapes))
    .action(async (flags: BenchFlags) => {
      const parts = chosenParts(flags.only, flags.without)
      if (parts.size === 0) throw new UsageError('No part is left to measure', 'Drop --only or --without')
      const { runBench } = await import('../bench/run-bench.ts')
      const { debug = false, logLevel, rows, rounds, shapes = rowShapes } = flags
      const figures = await withOwnCluster(flags, (address) =>
        withCluster({ ...address, debug, logLevel }, (cluster) =>
          runBench(cluster, { rows, rounds, parts, shapes, preparePeers, say }),
        ),
      )
      printResult(flags, benchResult(rows, figures), benchText(figures))
    })
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
