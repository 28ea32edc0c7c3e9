import { extname } from 'node:path'
import { UsageError } from '../errors.ts'
import { foreignEnding } from './reading/file-magic.ts'

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
    const foreign = foreignEnding(extname(plain))
    if (foreign !== undefined) throw new UsageError(`Cannot load ${file}: ${foreign.problem}`, foreign.fix)
    throw new UsageError(
      `The name of ${file} does not say whether it is CSV, Parquet or JSON`,
      'Name its format (--format csv, parquet or json), or use one of the extensions ' +
        `${Object.keys(formatOfExtension).join(', ')}`,
    )
  }
  return format
}

/** The formats that tables are written in. */
export const tableFormats = ['csv', 'parquet'] as const
export type TableFormat = (typeof tableFormats)[number]

/** The format that the name of a file to be written says. @throws UsageError for a name that says neither */
export function tableFormatOf(file: string): TableFormat {
  const ending = extname(file).slice(1).toLowerCase()
  const format = tableFormats.find((format) => format === ending)
  if (format !== undefined) return format
  throw new UsageError(
    `The extension of ${file} does not determine a format`,
    'Use the extension .parquet or .csv, or name the format (--format)',
  )
}

/** Endings that say how a file is written, of tables and of matrices. */
const writtenEndings: readonly string[] = [...tableFormats, 'npy', 'arrow']

/** @throws UsageError for a file to be written whose ending says another format than the one that is named */
export function refuseOtherEnding(file: string, format: string): void {
  const ending = extname(file).slice(1).toLowerCase()
  if (ending !== format && writtenEndings.includes(ending))
    throw new UsageError(
      `The extension of ${file} says ${ending}, and the format that is named is ${format}`,
      `Use .${format}, or leave out the format (--format)`,
    )
}
