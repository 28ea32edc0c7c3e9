import { type Command, Option } from 'commander'
import { topicNames } from '../config/names.ts'
import { parseTopic } from '../config/value-parsers.ts'
import type { TableFormat } from '../files/file-format.ts'
import { stageText } from '../observe/report-text.ts'
import { tableFormats } from '../pipeline/defaults.ts'
import { type DatasetFlags, datasetCommand, printResult, progressOf, withCluster } from './command-context.ts'

interface ExportFlags extends DatasetFlags {
  readonly topic?: string
  readonly stage: 'normalized' | 'restored' | 'raw'
  readonly format?: TableFormat
  readonly csvSafe?: boolean
  readonly overwrite?: boolean
  readonly key?: boolean
  readonly position?: boolean
  readonly skipUnreadable?: boolean
}

function tombstonesText(count: number): string {
  return count === 1 ? '1 tombstone is' : `${count.toLocaleString('en')} tombstones are`
}

/** Which command fills the topic of a stage. */
const stageCommands = { raw: 'load', normalized: 'normalize', restored: 'restore' } as const

export function exportCommand(): Command {
  return datasetCommand(
    'export',
    'write a normalized or restored topic to a Parquet or CSV file',
    'vgm export --dataset trips trips.parquet',
  )
    .argument('<file>', 'file to write; its extension determines the format')
    .addOption(
      new Option('--stage <stage>', 'which rows').choices(['normalized', 'restored', 'raw']).default('normalized'),
    )
    .option('--topic <topic>', 'topic to export (default: that of --stage)', parseTopic)
    .addOption(new Option('--format <format>', 'format of the file (default: by its extension)').choices(tableFormats))
    .option('--csv-safe', 'write an apostrophe before texts that a spreadsheet would interpret as a formula')
    .option('--overwrite', 'replace a file that exists')
    .option('--key', 'add the key as column _key')
    .option('--position', 'add partition and offset as columns _partition and _offset')
    .option('--skip-unreadable', 'omit rows and batches that cannot be read, and count them')
    .action(async (file: string, flags: ExportFlags) => {
      const topic = flags.topic ?? topicNames(flags.dataset)[flags.stage]
      const { checkExport, exportTopic } = await import('../pipeline/export-topic.ts')
      const { format, overwrite, csvSafe } = flags
      await checkExport({ file, format, overwrite, csvSafe })
      await withCluster(flags, async (cluster) => {
        const { requireTopic } = await import('../pipeline/row-topics.ts')
        await requireTopic(
          cluster,
          topic,
          `Run "vgm ${stageCommands[flags.stage]}" first, or name another with --topic`,
        )
        const progress = progressOf(flags, 'export')
        const exporting = exportTopic(cluster, {
          topic,
          modelsTopic: flags.modelsTopic,
          file,
          overwrite,
          format,
          csvSafe,
          withKey: flags.key,
          withPosition: flags.position,
          skipsUnreadable: flags.skipUnreadable,
          onProgress: progress.update,
        })
        const report = await exporting.finally(progress.end)
        const tombstones = report.tombstones > 0 ? `; ${tombstonesText(report.tombstones)} not in it` : ''
        const skipped = report.skipped > 0 ? `; ${report.skipped} rows could not be read and are not in it` : ''
        printResult(flags, report, stageText(report, file) + tombstones + skipped)
      })
    })
}
