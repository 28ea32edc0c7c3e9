/**
 * The whole flow for a billion rows of one double column: generate, fit on a sample and on every row, normalize exactly
 * once, restore, and compare every restored row with the one that the seed gives.
 *
 *     npm run bench:billion                     # 1e9 rows: 37 GB of disk at most
 *     npm run bench:billion -- --rows 2e7
 *
 * What the next stage has consumed is deleted from the topics, but for the last ten million rows, which the stock
 * client of "vgm verify" audits at the end. A run that was interrupted goes on where it stopped; one that is done
 * leaves nothing behind.
 */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startCluster } from '../../src/cluster/start-cluster.ts'
import { cacheFolder } from '../../src/cluster/user-folders.ts'
import { clusterAddress } from '../../src/config/cluster-address.ts'
import { parseCount } from '../../src/config/value-parsers.ts'
import { exitCodes } from '../../src/errors.ts'
import { interruption } from '../../src/observe/interruption.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { plainUse, withClusterAt } from '../../src/pipeline/cluster-session.ts'
import { runMain } from '../run-main.ts'
import { listenerOn } from '../usage/process-usage.ts'
import { BillionRun, countRows } from './billion-run.ts'
import { checkDisk, neededBytes } from './disk-need.ts'
import { phasesText } from './phase-report.ts'
import { RunStateFile } from './run-state.ts'

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '1e9' },
    dataset: { type: 'string', default: 'billion' },
    folder: { type: 'string', default: join(cacheFolder(), 'billion') },
    brokers: { type: 'string' },
    registry: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})

await runMain(main)

async function main(): Promise<void> {
  const { dataset, folder, json } = flags
  const rows = parseCount(flags.rows)
  const say = (line: string) => process.stderr.write(`${line}\n`)
  const file = new RunStateFile(folder, rows, dataset)
  checkDisk(folder, rows)
  say(`${rows.toLocaleString('en')} rows; at most ${(neededBytes(rows) / 1e9).toFixed(1)} GB of disk in ${folder}`)
  const signal = interruption(60_000)
  const external = flags.brokers !== undefined && flags.registry !== undefined
  const cluster = external
    ? { brokers: flags.brokers as string, registry: flags.registry as string, stop: async () => undefined }
    : // Only the JVM kind keeps its rows over a run that was interrupted.
      await startCluster({ kind: 'jvm', dataDir: join(folder, 'data'), log: say })
  try {
    const address = await clusterAddress({ brokers: cluster.brokers, registry: cluster.registry })
    await withClusterAt(address, plainUse(createLogger('warn'), signal), async (open) => {
      const run = new BillionRun(open, {
        rows,
        dataset,
        file,
        say,
        brokerPid: listenerOn(Number(address.brokers[0].split(':').at(-1))),
        dataFolder: external ? undefined : join(folder, 'data'),
      })
      await run.toTheEnd()
      await run.deleteTopics()
    })
    const { phases, verified, wrong, audit } = file.state
    const compared = countRows(verified)
    const isRight = wrong + (audit?.mismatches ?? 0) === 0
    const end =
      `${compared.toLocaleString('en')} restored rows compared with the seed's, ${wrong} wrong or missing; ` +
      `${audit?.rows.toLocaleString('en')} audited by a stock client, ${audit?.mismatches} wrong`
    const result = { rows, compared, wrong, audit, phases }
    process.stdout.write(`${json ? JSON.stringify(result) : `${phasesText(phases)}\n\n${end}`}\n`)
    if (!isRight) process.exitCode = exitCodes.failed
  } finally {
    await cluster.stop()
  }
  rmSync(folder, { recursive: true, force: true })
}
