import type { Command } from 'commander'
import { exitCodes } from '../errors.ts'
import { createProgress, type Progress } from '../observe/progress.ts'
import type { RunDemoOptions } from '../pipeline/run-demo.ts'
import { demoFindings, demoResult, demoStepText, demoText } from '../reports/demo-text.ts'
import { columnsText } from '../reports/load-text.ts'
import { type ClusterCommandFlags, printResult, withCluster } from './command-context.ts'
import { addFileOptions, type FileFlags, fileReading } from './file-options.ts'
import { type OwnClusterFlags, ownClusterCommand, withOwnCluster } from './own-cluster.ts'

interface DemoFlags extends ClusterCommandFlags, OwnClusterFlags, FileFlags {}

export function demoCommand(): Command {
  const command = ownClusterCommand(
    'demo',
    'run the whole flow on real data, with its own cluster',
    'vgm demo trips.parquet',
  )
    .argument('[file]', 'CSV, Parquet or JSON file (default: 3 million flights)')
    .option('--keep', 'leave the cluster running')
  return addFileOptions(command).action(async (file: string | undefined, flags: DemoFlags) => {
    const reading = fileReading(flags)
    if (file !== undefined) {
      // Before a cluster is started for it.
      const { checkFile } = await import('../pipeline/check-file.ts')
      await checkFile(file, reading)
    }
    const { debug = false, logLevel, json = false, keep = false } = flags
    await withOwnCluster(flags, (address) =>
      withCluster({ ...address, debug, logLevel }, async (cluster) => {
        const { runDemo } = await import('../pipeline/run-demo.ts')
        const telling = tellingOf(json, file !== undefined)
        const demo = await runDemo(cluster, { file, reading, showsRow: !json, ...telling.listeners }).finally(
          telling.end,
        )
        printResult(flags, demoResult(demo), demoText(demo, { ...address, isKept: keep, isCheckout: isCheckout() }))
        if (demo.mismatches > 0) process.exitCode = exitCodes.failed
      }),
    )
  })
}

/** What is said on standard error while it runs: of a file that the reader has named, more. */
function tellingOf(isQuiet: boolean, isOwnFile: boolean) {
  const say = (text: string) => {
    if (!isQuiet) process.stderr.write(text)
  }
  let progress: Progress | undefined
  const end = () => progress?.end()
  const listeners: RunDemoOptions = {
    onStep: (step) => {
      progress = createProgress(step, { isQuiet })
    },
    onProgress: (_, rows, of) => progress?.update(rows, of),
    onColumns: (table) => {
      if (isOwnFile) say(columnsText(table))
    },
    onStepDone: (step) => {
      end()
      say(`${demoStepText(step)}\n`)
      if (isOwnFile && step.fit !== undefined) for (const line of demoFindings(step.fit)) say(`${line}\n`)
    },
  }
  return { listeners, end }
}

function isCheckout(): boolean {
  return process.env.npm_command !== undefined && import.meta.url.endsWith('.ts')
}
