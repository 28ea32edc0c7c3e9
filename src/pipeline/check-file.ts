import type { FileReading } from '../files/reading/table-options.ts'

/**
 * Reads a file through as a load does, and loads nothing.
 *
 * @throws FileUnreadableError, BadRowError, FileColumnError, with the file, the line and the column
 */
export async function checkFile(file: string, reading: FileReading = {}): Promise<void> {
  const { openTableFile } = await import('../files/reading/table-file.ts')
  const table = await openTableFile({ ...reading, file, dataset: 'checked' })
  await table.close()
}
