import { type Command, Option } from 'commander'
import { localClusterStatus, stopLocalCluster } from '../cluster/local-cluster.ts'
import { startCluster } from '../cluster/start-cluster.ts'
import { parseCount } from '../config/value-parsers.ts'
import { exitCodes } from '../errors.ts'
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
      const cluster = await startCluster({
        kind,
        detached: true,
        log,
        ...(dataDir !== undefined && { dataDir }),
        ...(memory !== undefined && { memoryBytes: memory * 2 ** 20 }),
      })
      const { brokers, registry, kind: started } = cluster
      printResult(
        flags,
        { kind: started, brokers, registry },
        `cluster   ${started}\nKafka     ${brokers}\nregistry  ${registry}\n\n` +
          'vgm commands find it automatically. Other programs need:\n' +
          `  export KAFKA_BROKERS=${brokers}\n  export SCHEMA_REGISTRY_URL=${registry}`,
      )
    })
}

export function downCommand(): Command {
  return plainCommand('down', 'stop the local cluster of "vgm up"', 'vgm down').action(async (flags: CommonFlags) => {
    const stopped = await stopLocalCluster()
    printResult(flags, { stopped }, stopped ? 'The local cluster has stopped.' : 'No local cluster was running.')
  })
}

export function statusCommand(): Command {
  return plainCommand('status', 'show whether a local cluster runs, and its addresses', 'vgm status').action(
    async (flags: CommonFlags) => {
      const status = await localClusterStatus()
      if (status === undefined) {
        printResult(flags, { alive: false }, 'No local cluster runs. "vgm up" starts one.')
        process.exitCode = exitCodes.failed
        return
      }
      const { kind, brokers, registry, alive, sinceMs } = status
      printResult(
        flags,
        { alive, kind, brokers, registry, sinceMs },
        `${alive ? 'running' : 'not answering'} (${kind}), for ${formatAge(sinceMs)}\nKafka     ` +
          `${brokers}\nregistry  ${registry}`,
      )
      if (!alive) process.exitCode = exitCodes.failed
    },
  )
}

/** @example formatAge(3_700_000) // '1 h 1 min' */
function formatAge(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return `${Math.floor(ms / 1_000)} s`
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
