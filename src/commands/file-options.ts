import { type Command, Option } from 'commander'
import {
  delimiterCharacter,
  parseCount,
  parseList,
  parseTexts,
  parseTypes,
  quoteCharacter,
} from '../config/value-parsers.ts'
import type { FileFormat } from '../files/file-format.ts'
import type { FileReading, TextOptions } from '../files/reading/table-options.ts'
import { fileFormats, idleFlags } from '../pipeline/defaults.ts'

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
    .option('--columns <list>', 'columns to load (default: all)', parseList)
    .option('--not-null <list>', 'columns that must not be null', parseList)
    .addOption(new Option('--format <format>', 'format of the file (default: by its name)').choices(fileFormats))
    .option('--delimiter <character>', 'delimiter of a CSV file, one character (default: detected)')
    .option('--quote <character>', 'quote character of a CSV file, or none (default: ")')
    .addOption(
      new Option('--header <choice>', "whether the first line of a CSV file has the columns' names")
        .choices(['yes', 'no', 'auto'])
        .default('auto'),
    )
    .option(
      '--encoding <name>',
      'encoding of the text, such as utf-16 or windows-1252 (default: by byte order mark, or UTF-8)',
    )
    .option('--skip-lines <n>', 'number of lines to skip at the beginning of a CSV file', parseCount)
    .option('--null <list>', "texts that mean null, in addition to the empty text; ' ' is a blank", parseTexts)
    .option('--types <list>', 'DuckDB types of text columns, such as zip:VARCHAR,fare:DOUBLE', parseTypes)
    .addOption(
      new Option('--decimal-mark <character>', 'decimal mark of numbers in text').choices(['.', ',']).default('.'),
    )
    .option('--thousands <character>', 'thousands separator of numbers in text')
    .option('--units <list>', 'units to strip from numbers in text, such as $,%', parseList)
    .option('--date-format <format>', 'format of dates in text, such as %d/%m/%Y (default: detected)')
}

/** What the flags say of the file. */
export function fileReading(flags: FileFlags): FileReading {
  const { columns, notNull, format, delimiter, quote, header, skipLines, encoding, null: nullTexts, types } = flags
  const { decimalMark, thousands, units, dateFormat } = flags
  const text: TextOptions = {
    ...(delimiter !== undefined && { delimiter: delimiterCharacter(delimiter) }),
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
