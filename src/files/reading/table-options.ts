import type { DatabaseOptions } from '../database.ts'
import { FileColumnError } from '../file-errors.ts'
import type { FileFormat } from '../file-format.ts'
import { fieldNames } from './field-names.ts'
import type { NumberStyle } from './number-style.ts'
import { type FileColumn, knownColumns, type TopicRecord } from './record-schema.ts'

/** How a text file, CSV or JSON, is to be read; what is left out is found out. */
export interface TextOptions {
  /** CSV only */
  readonly delimiter?: string
  /** CSV only, around values and doubled within them: `"` unless given, empty for none */
  readonly quote?: string
  /** CSV only */
  readonly header?: boolean
  /** lines at the beginning of a CSV file that are no part of the table */
  readonly skipLines?: number
  /** a name of the Encoding Standard, or a usual one */
  readonly encoding?: string
  /** texts that mean null; the empty one of CSV means it anyway */
  readonly nullTexts?: readonly string[]
  /** DuckDB types of columns, by the file's name for them */
  readonly types?: Readonly<Record<string, string>>
  readonly numbers?: NumberStyle
  /** of `strptime`: %d/%m/%Y */
  readonly dateFormat?: string
}

export interface TableFileOptions extends DatabaseOptions {
  readonly file: string
  /** the Avro record is called after it */
  readonly dataset: string
  /** as the file's name says unless given */
  readonly format?: FileFormat
  /** which columns, in this order, by the file's names; all of them unless given */
  readonly columns?: readonly string[]
  /** columns that hold no null: their fields are `T`, not `["null", T]` */
  readonly notNull?: readonly string[]
  readonly text?: TextOptions
  /** Skip bad CSV rows and keep them for `writeRejected`, where an error would end the load. */
  readonly collectBadRows?: boolean
  /** what the topic's rows are so far: the file takes its types where its values fit */
  readonly topicRecord?: TopicRecord | undefined
  /** what the columns of fields were called in earlier files, by field [as the topic's record says] */
  readonly knownColumns?: ReadonlyMap<string, string> | undefined
  readonly signal?: AbortSignal
}

/** What a format makes of its file. */
export interface FormatTable {
  /** SQL: the table's rows in the file's order, behind FROM; bad ones are left out */
  readonly rows: string
  /** the column of `rows` that numbers all rows from 0, by which a reader may begin anywhere; undefined without one */
  readonly rowNumber?: string | undefined
  readonly columns: readonly FileColumn[]
  readonly rowCount: number
  /** see `TableFile.reading` */
  readonly decisions: string
  readonly doubts: readonly string[]
  readonly writeRejected?: (file: string) => Promise<number>
  readonly close?: () => Promise<void>
}

/** A file's columns that are to be loaded, and their fields' names. */
export interface ChosenColumn {
  readonly column: string
  readonly field: string
  /** whether `--not-null` names it */
  readonly notNull: boolean
}

/**
 * The columns that the options choose.
 *
 * @param names of all columns, in the file's order
 * @throws FileColumnError for a name that no column has
 */
export function chosenColumns(names: readonly string[], options: TableFileOptions): ChosenColumn[] {
  const { file, columns = names, notNull = [], text } = options
  const known = new Set(names)
  for (const name of [...columns, ...notNull, ...Object.keys(text?.types ?? {})]) {
    if (known.has(name)) continue
    const few = names.length > 50 ? [...names.slice(0, 50), '...'] : names
    throw new FileColumnError(file, name, 'there is no such column', `Name one of ${few.join(', ')}`)
  }
  const fields = fieldNames(columns, options.knownColumns ?? knownColumns(options.topicRecord))
  return columns.map((column, i) => ({ column, field: fields[i], notNull: notNull.includes(column) }))
}

/**
 * The cells of a CSV file that mean null: the empty one, and these texts, also behind a blank, as files with a blank
 * behind each comma have them.
 *
 * @example nullCells(['?']) // ['', '?', ' ?']
 */
export function nullCells(nullTexts: readonly string[]): string[] {
  return ['', ...nullTexts.flatMap((text) => (text === '' ? [] : [text, ` ${text}`]))]
}

/** How a file is to be read, as a program says it. */
export type FileReading = Pick<TableFileOptions, 'columns' | 'notNull' | 'format' | 'text'>

/** The flags among the options that say how text is read, and say nothing of a file of that format. */
export function idleFlags(format: FileFormat, text: TextOptions = {}): string[] {
  const { delimiter, quote, header, skipLines, encoding, nullTexts, types, numbers, dateFormat } = text
  const ofCsv = { delimiter, quote, header, 'skip-lines': skipLines }
  const { thousands, units, decimalMark } = numbers ?? {}
  const mark = decimalMark === '.' ? undefined : decimalMark
  const ofText = { encoding, null: nullTexts, types, 'decimal-mark': mark, thousands, units, 'date-format': dateFormat }
  const idle = format === 'csv' ? {} : format === 'json' ? ofCsv : { ...ofCsv, ...ofText }
  return Object.entries(idle).flatMap(([flag, value]) => (value === undefined ? [] : [`--${flag}`]))
}
