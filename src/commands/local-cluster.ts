import { type Command, Option } from 'commander'
import { clearEnd, readEnd, sayEnd } from '../cluster/last-end.ts'
import { lastPorts } from '../cluster/last-ports.ts'
import { localClusterStatus, stopLocalCluster } from '../cluster/local-cluster.ts'
import { startCluster } from '../cluster/start-cluster.ts'
import { parseCount } from '../config/value-parsers.ts'
import { exitCodes } from '../errors.ts'
import { noClusterText, statusText, stoppedText, upText } from '../reports/local-cluster-text.ts'
import { type CommonFlags, plainCommand, printResult } from './command-context.ts'

export const clusterKinds = ['auto', 'embedded', 'docker', 'jvm'] as const

export function kindOption(kinds: readonly string[]): Option {
  return new Option('--cluster <kind>', 'kind of local cluster: auto takes what is ready without a download')
    .choices(kinds)
    .default('auto')
    .env('VGM_CLUSTER')
}

interface UpFlags extends CommonFlags {
  readonly cluster: (typeof clusterKinds)[number]
  readonly dataDir?: string
  readonly memory?: number
}

export function upCommand(): Command {
  return plainCommand('up', 'start a local cluster, Kafka and schema registry, that stays until "vgm down"', 'vgm up')
    .addOption(kindOption(clusterKinds))
    .option(
      '--data-dir <folder>',
      'folder to keep the data in, for jvm and embedded (default: it goes with the cluster)',
    )
    .option(
      '--memory <mib>',
      "most MiB of rows in memory, for embedded (default: a quarter of the machine's, at most 2048)",
      parseCount,
    )
    .action(async (flags: UpFlags) => {
      const { cluster: kind, dataDir, memory } = flags
      const log = (line: string) => process.stderr.write(`${line}\n`)
      // The end of one whose process is gone is noted when it is looked for.
      const found = await localClusterStatus()
      const end = found === undefined ? readEnd() : undefined
      if (end !== undefined) log(sayEnd(end))
      const last = lastPorts(dataDir)
      const cluster = await startCluster({
        kind,
        detached: true,
        log,
        ...(dataDir !== undefined && { dataDir }),
        ...(memory !== undefined && { memoryBytes: memory * 2 ** 20 }),
      })
      clearEnd()
      const { brokers, registry, kind: started } = cluster
      const isElsewhere = last.broker !== undefined && !brokers.endsWith(`:${last.broker}`)
      if (isElsewhere) log(`The last cluster had port ${last.broker}, which is taken now: tell other programs.`)
      const place = { kind: started, brokers, registry, ...(await dataFolderOf(brokers)) }
      printResult(flags, place, upText(place))
    })
}

export function downCommand(): Command {
  return plainCommand('down', 'stop the local cluster of "vgm up"', 'vgm down').action(async (flags: CommonFlags) => {
    const data = dataOf(await localClusterStatus())
    const stopped = await stopLocalCluster()
    const end = stopped ? undefined : readEnd()
    clearEnd()
    const result = { stopped, ...(stopped && data), ...(end && { lastEnd: end }) }
    printResult(
      flags,
      result,
      stopped ? stoppedText(data.dataDir) : noClusterText('No local cluster was running.', end),
    )
  })
}

export function statusCommand(): Command {
  return plainCommand('status', 'show whether a local cluster runs, and its addresses', 'vgm status').action(
    async (flags: CommonFlags) => {
      const status = await localClusterStatus()
      if (status === undefined) {
        const end = readEnd()
        const none = 'No local cluster runs. "vgm up" starts one.'
        printResult(flags, { alive: false, ...(end && { lastEnd: end }) }, noClusterText(none, end))
        process.exitCode = exitCodes.failed
        return
      }
      const { kind, brokers, registry, alive, sinceMs } = status
      const result = { alive, kind, brokers, registry, sinceMs, ...dataOf(status) }
      printResult(flags, result, statusText(result))
      if (!alive) process.exitCode = exitCodes.failed
    },
  )
}

interface DataFolder {
  readonly dataDir?: string
}

/** The folder of the cluster that runs now. */
async function dataFolderOf(brokers: string): Promise<DataFolder> {
  const status = await localClusterStatus()
  return status?.brokers === brokers ? dataOf(status) : {}
}

const dataOf = (status: DataFolder | undefined): DataFolder =>
  status?.dataDir === undefined ? {} : { dataDir: status.dataDir }
