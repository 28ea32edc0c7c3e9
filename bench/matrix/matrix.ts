/**
 * Time and memory from raw rows to a training matrix: ours, ctgan's own transformer and rdt's, on the flights (delay,
 * distance, day of the week).
 *
 *     npm run bench:matrix -- --python venv/bin/python                    # with ctgan 0.12, pandas and pyarrow
 *     npm run bench:matrix -- --rows 1e5,1e6,1e7,1e8 --peer-rows 1e6
 *
 * Ours reads and writes topics of a broker on this machine, in four commands; the peers have the table in memory. The
 * start of each command counts, that of Python does not.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { parseCount } from '../../src/config/value-parsers.ts'
import { interruption } from '../../src/observe/interruption.ts'
import { FaultCluster } from '../../test/faults/fault-cluster.ts'
import { flightsFile } from '../mixture/data-sets.ts'
import { runMain } from '../run-main.ts'
import { runVgm } from '../usage/run-vgm.ts'

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '1e5,1e6,1e7' },
    python: { type: 'string' },
    'peer-rows': { type: 'string', default: '1e6' },
    minutes: { type: 'string', default: '20' },
  },
})

const peers = ['ctgan', 'rdt'] as const
const steps = ['load', 'fit', 'normalize', 'export'] as const

interface PeerFigures {
  readonly fit: number
  readonly transform: number
  readonly bytes: number
  readonly tableBytes: number
}

const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0)
const line = (...cells: (string | number)[]) => console.log(`| ${cells.join(' | ')} |`)

await runMain(async () => {
  const signal = interruption(60_000)
  const folder = mkdtempSync(join(tmpdir(), 'vgm-matrix-'))
  const cluster = await FaultCluster.start(1, [])
  try {
    const environment = {
      KAFKA_BROKERS: cluster.brokers,
      SCHEMA_REGISTRY_URL: cluster.registry,
      VGM_DATASET: undefined,
    }
    line('rows', ...steps.map((step) => `${step}, s`), 'memory, MiB', ...peers.flatMap(peerHead))
    line('---:', ...steps.map(() => '---:'), '---:', ...peers.flatMap((peer) => peerHead(peer).map(() => '---:')))
    for (const [number, rows] of flags.rows.split(',').map(parseCount).entries()) {
      const file = join(folder, 'rows.parquet')
      await writeRows(file, rows)
      const dataset = `matrix-${number}`
      const matrix = join(folder, 'matrix.npy')
      const commands: Record<(typeof steps)[number], string[]> = {
        load: [file, '--partitions', '8'],
        fit: ['--source', 'raw'],
        normalize: ['--until-end'],
        export: ['--as', 'ctgan', matrix, '--overwrite'],
      }
      const ours: string[] = []
      let most = 0
      for (const step of steps) {
        const args = [step, ...commands[step], '--dataset', dataset]
        const { seconds, usage } = await runVgm(args, { environment, brokerPid: undefined, signal })
        ours.push(seconds.toFixed(1))
        most = Math.max(most, usage.rssBytes?.most ?? 0)
      }
      const theirs = peers.flatMap((peer) =>
        rows > parseCount(flags['peer-rows']) ? ['', '', ''] : peerCells(peer, file),
      )
      line(rows.toLocaleString('en'), ...ours, mebibytes(most), ...theirs)
    }
  } finally {
    await cluster.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

function peerHead(peer: (typeof peers)[number]): string[] {
  return [`${peer}: fit, s`, 'transform, s', 'memory, MiB']
}

/** The flights again and again, with the day of the week as text. */
async function writeRows(file: string, rows: number): Promise<void> {
  const connection = await (await DuckDBInstance.create()).connect()
  const copies = Math.ceil(rows / 3_000_000)
  await connection.run(
    `copy (select delay, distance, dayname(date) as day from read_parquet('${flightsFile}'), range(${copies})
     limit ${rows}) to '${file}'`,
  )
  connection.closeSync()
}

function peerCells(peer: (typeof peers)[number], file: string): string[] {
  if (flags.python === undefined) return ['', '', '']
  const script = join(import.meta.dirname, 'peers.py')
  const { stdout, stderr, status, error } = spawnSync(flags.python, [script, peer, file], {
    encoding: 'utf8',
    timeout: 60_000 * Number(flags.minutes),
  })
  if (error !== undefined) return [`more than ${flags.minutes} min`, '', '']
  if (status !== 0) throw new Error(stderr)
  const { fit, transform, bytes } = JSON.parse(stdout) as PeerFigures
  return [fit.toFixed(1), transform.toFixed(1), mebibytes(bytes)]
}
