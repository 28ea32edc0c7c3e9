import { countText } from '../../count-text.ts'
import { PipelineError } from '../../errors.ts'
import { BadRowError, encodingFix, FileUnreadableError } from '../file-errors.ts'

/** Texts of DuckDB 1.5 for what a file can have wrong, with what we say instead. */
const csvLine = /CSV Error on Line: (\d+)/
/** A row that has too few values or too many. */
export const raggedRow = /Expected Number of Columns: (\d+) Found: (\d+)/
const unquoted = /unterminated quote|Value with unterminated quote/i
const unicode = /Invalid unicode|not utf-8 encoded/i
const jsonPlace = /Malformed JSON in file ".*?", at byte (\d+)[^:]*: (.*?)(\n|$)/s
const jsonLine = /in line (\d+)/
const castColumn = /Failed to cast value|Conversion Error/
const beyondLong =
  /Type U?(?:INT64|INT128) with value (-?\d+) can't be cast.*type INT64(?: when casting from source column (.+))?/
const lineSize = /Maximum line size of (\d+) bytes exceeded/

/** What DuckDB threw while reading `file`, as one line with file, line and column. */
export function rowError(file: string, thrown: unknown): Error {
  if (thrown instanceof PipelineError || !(thrown instanceof Error)) return thrown as Error
  const text = thrown.message
  const lineText = csvLine.exec(text)?.[1]
  const line = lineText === undefined ? {} : { line: Number(lineText) }
  const counted = raggedRow.exec(text)
  if (counted !== null) {
    const values = counted[2] === '1' ? 'value' : 'values'
    const problem = `the row has ${counted[2]} ${values}, the first line has ${counted[1]}`
    return new BadRowError(file, line, problem, 'Correct the row, or collect bad rows with --bad-rows FILE', thrown)
  }
  const maxBytes = lineSize.exec(text)?.[1]
  if (maxBytes !== undefined) {
    const problem = `the row has more than ${countText(Number(maxBytes))} bytes`
    return new BadRowError(file, line, problem, 'Close a quote that is open, or shorten the value', thrown)
  }
  if (unicode.test(text)) {
    return new BadRowError(file, line, 'the text is not UTF-8', encodingFix, thrown)
  }
  if (unquoted.test(text)) {
    return new BadRowError(file, line, 'a quote is not closed', 'Close it, or collect bad rows with --bad-rows', thrown)
  }
  if (lineText !== undefined) {
    return new BadRowError(
      file,
      line,
      firstProblem(text),
      'Correct the row, or collect bad rows with --bad-rows',
      thrown,
    )
  }
  return jsonError(file, text, thrown)
}

function jsonError(file: string, text: string, thrown: Error): Error {
  const malformed = jsonPlace.exec(text)
  const line = jsonLine.exec(text)?.[1]
  const place = line === undefined ? {} : { line: Number(line) }
  if (malformed !== null) {
    const problem = malformed[2].replace(/[. ]+(Try auto-detecting.*)?$/, '')
    // DuckDB's word for nothing between the last comma and the end of an array.
    const said = problem === 'input length is 0' ? 'a value is missing, as behind a comma at the end' : problem
    return new BadRowError(file, place, said, 'Correct the JSON', thrown)
  }
  const [, large, column] = beyondLong.exec(text) ?? []
  if (large !== undefined) {
    const problem = `${large} is beyond 2^63 - 1, the most that a long holds`
    const fix = 'Leave the column out with --columns, or write it into the file as text'
    return new BadRowError(file, { ...place, ...(column !== undefined && { column }) }, problem, fix, thrown)
  }
  if (castColumn.test(text)) {
    return new BadRowError(file, place, firstProblem(text), 'Correct the value, or leave the column out', thrown)
  }
  return new FileUnreadableError(
    file,
    firstProblem(text),
    'Check that the file is complete and has the format that its name indicates',
    thrown,
  )
}

/** DuckDB's own words without its settings and suggestions. */
function firstProblem(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '' && !/^(CSV Error|Original Line)/.test(line))
  return lowerFirst((lines[0] ?? text).replace(/^[A-Z][A-Za-z ]+ Error: /, ''))
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
