import { text } from '../config/value-rules.ts'
import type { FileReading } from '../files/reading/table-options.ts'
import { optionChecks } from './check-options.ts'
import { readingChecks } from './load-file.ts'

const fileCheck = optionChecks<{ readonly file: string }>('checkFile', { file: text }, {})
const checks = optionChecks<FileReading>('checkFile', {}, readingChecks)

/**
 * Reads a file through as a load does, and loads nothing.
 *
 * @throws FileUnreadableError, BadRowError, FileColumnError, with the file, the line and the column
 */
export async function checkFile(file: string, reading: FileReading = {}): Promise<void> {
  fileCheck.check({ file })
  checks.check(reading)
  const { openTableFile } = await import('../files/reading/table-file.ts')
  const table = await openTableFile({ ...reading, file, dataset: 'checked' })
  await table.close()
}
