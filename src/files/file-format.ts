import { extname } from 'node:path'
import { UsageError } from '../errors.ts'

export const fileFormats = ['csv', 'parquet', 'json'] as const
export type FileFormat = (typeof fileFormats)[number]

const formatOfExtension: Readonly<Record<string, FileFormat>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.txt': 'csv',
  '.parquet': 'parquet',
  '.pq': 'parquet',
  '.json': 'json',
  '.jsonl': 'json',
  '.ndjson': 'json',
}
const compressedExtensions = ['.gz', '.zst']

/**
 * The format that a file's name says: `rows.csv`, `rows.csv.gz`, `rows.parquet`, `rows.ndjson`.
 *
 * @throws UsageError for a name that says nothing
 */
export function fileFormatOf(file: string): FileFormat {
  const compressed = compressedExtensions.find((extension) => file.toLowerCase().endsWith(extension))
  const plain = compressed === undefined ? file : file.slice(0, -compressed.length)
  const format = formatOfExtension[extname(plain).toLowerCase()]
  if (format === undefined) {
    throw new UsageError(
      `The name of ${file} does not say whether it is CSV, Parquet or JSON`,
      `Give the file one of the endings ${Object.keys(formatOfExtension).join(', ')}, or name the format`,
    )
  }
  return format
}
