import { type Command, InvalidArgumentError, Option } from 'commander'
import { listSchema, parseCount, parseList, valueParser } from '../config/value-parsers.ts'
import { UsageError } from '../errors.ts'
import { type FileFormat, fileFormats } from '../files/file-format.ts'
import { type FileReading, idleFlags, type TextOptions } from '../files/reading/table-options.ts'

/** Flags that say how a file is to be read. */
export interface FileFlags {
  readonly columns?: string[]
  readonly notNull?: string[]
  readonly format?: FileFormat
  readonly delimiter?: string
  readonly quote?: string
  readonly header: 'yes' | 'no' | 'auto'
  readonly skipLines?: number
  readonly encoding?: string
  readonly null?: string[]
  readonly types?: Readonly<Record<string, string>>
  readonly decimalMark: '.' | ','
  readonly thousands?: string
  readonly units?: string[]
  readonly dateFormat?: string
}

/** Adds the flags that every command has which reads a file. */
export function addFileOptions(command: Command): Command {
  return command
    .option('--columns <list>', 'names of the columns to load; all unless given', parseList)
    .option('--not-null <list>', 'columns without nulls: their fields take none', parseList)
    .addOption(
      new Option('--format <format>', 'format of the file; its name says it unless given').choices(fileFormats),
    )
    .option('--delimiter <character>', 'one character between the values of a CSV file; found unless given')
    .option('--quote <character>', 'around values of a CSV file, and doubled within; none, if none has that meaning')
    .addOption(
      new Option('--header <choice>', 'whether the first line of a CSV file has the names of the columns')
        .choices(['yes', 'no', 'auto'])
        .default('auto'),
    )
    .option(
      '--encoding <name>',
      'encoding of the text: utf-8, utf-16, windows-1252, ...; UTF-8 or as marked unless given',
    )
    .option('--skip-lines <n>', 'lines at the beginning of a CSV file to leave out, as titles', parseCount)
    .option('--null <list>', "texts that mean null, beside the empty one; ' ' is a blank", parseTexts)
    .option('--types <list>', 'DuckDB types of columns of text, as zip:VARCHAR,fare:DOUBLE', parseTypes)
    .addOption(
      new Option('--decimal-mark <character>', 'decimal mark of numbers in text').choices(['.', ',']).default('.'),
    )
    .option('--thousands <character>', 'character between the thousands of numbers in text')
    .option('--units <list>', 'texts before or behind numbers to leave out, as $,%', parseList)
    .option('--date-format <format>', 'format of dates in text, as %d/%m/%Y; found unless given')
}

/** What the flags say of the file. */
export function fileReading(flags: FileFlags): FileReading {
  const { columns, notNull, format, delimiter, quote, header, skipLines, encoding, null: nullTexts, types } = flags
  const { decimalMark, thousands, units, dateFormat } = flags
  const text: TextOptions = {
    ...(delimiter !== undefined && { delimiter: oneCharacter(delimiter) }),
    ...(quote !== undefined && { quote: quoteCharacter(quote) }),
    ...(header !== 'auto' && { header: header === 'yes' }),
    ...(skipLines !== undefined && { skipLines }),
    ...(encoding !== undefined && { encoding }),
    ...(nullTexts !== undefined && { nullTexts }),
    ...(types !== undefined && { types }),
    ...(dateFormat !== undefined && { dateFormat }),
    numbers: { decimalMark, thousands, units },
  }
  return {
    ...(columns !== undefined && { columns }),
    ...(notNull !== undefined && { notNull }),
    ...(format !== undefined && { format }),
    text,
  }
}

/** Which of the flags were given, as they are written. */
export function givenFileFlags(flags: FileFlags): string[] {
  const { columns, notNull, format, text } = fileReading(flags)
  const given = Object.entries({ columns, 'not-null': notNull, format }).filter(([, value]) => value !== undefined)
  return [...given.map(([flag]) => `--${flag}`), ...idleFlags('parquet', text)]
}

function oneCharacter(delimiter: string): string {
  const character = delimiter === '\\t' ? '\t' : delimiter
  if (character.length === 1) return character
  throw new UsageError(`"${delimiter}" is no delimiter`, 'Give one character, as --delimiter ";"')
}

function quoteCharacter(quote: string): string {
  if (quote === 'none') return ''
  if (quote.length === 1) return quote
  throw new UsageError(`"${quote}" is no quote`, `Give one character, as --quote "'", or none`)
}

/** Texts with commas between. Blanks around a text are left out, unless it is blanks alone. */
const parseTexts = valueParser(listSchema, (text) => text.split(',').map((item) => item.trim() || item))

/** @example parseTypes('zip:VARCHAR,price:DECIMAL(10,2)') // { zip: 'VARCHAR', price: 'DECIMAL(10,2)' } */
const parseTypes = valueParser(listSchema, (text): Record<string, string> => {
  const pairs = text.split(/,(?![^(]*\))/).map((pair) => /^\s*(.+):\s*([A-Za-z][\w (),]*?)\s*$/.exec(pair))
  if (pairs.includes(null)) throw new InvalidArgumentError('Write column:TYPE, several with commas between.')
  return Object.fromEntries(pairs.map((pair) => [pair?.[1], pair?.[2]]))
})
