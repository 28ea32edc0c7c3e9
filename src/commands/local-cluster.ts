import { type Command, Option } from 'commander'
import { parseCount } from '../config/value-parsers.ts'
import { exitCodes } from '../errors.ts'
import { downText, statusText, upText } from '../reports/local-cluster-text.ts'
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
      const { startDetached } = await import('../cluster/detached-cluster.ts')
      const { cluster: kind, dataDir, memory } = flags
      const started = await startDetached({
        kind,
        log: (line) => process.stderr.write(`${line}\n`),
        ...(dataDir !== undefined && { dataDir }),
        ...(memory !== undefined && { memoryBytes: memory * 2 ** 20 }),
      })
      printResult(flags, started, upText(started))
    })
}

export function downCommand(): Command {
  return plainCommand('down', 'stop the local cluster of "vgm up"', 'vgm down').action(async (flags: CommonFlags) => {
    const { stopDetached } = await import('../cluster/detached-cluster.ts')
    const result = await stopDetached()
    printResult(flags, result, downText(result))
  })
}

export function statusCommand(): Command {
  return plainCommand('status', 'show whether a local cluster runs, and its addresses', 'vgm status').action(
    async (flags: CommonFlags) => {
      const { detachedStatus } = await import('../cluster/detached-cluster.ts')
      const status = await detachedStatus()
      printResult(flags, status, statusText(status))
      if (!status.alive) process.exitCode = exitCodes.failed
    },
  )
}
