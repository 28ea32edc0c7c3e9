import { countText } from '../count-text.ts'
import type { RowTimes } from '../files/reading/row-times.ts'
import type { TableFile } from '../files/reading/table-file.ts'
import { printableLine } from '../observe/printable-text.ts'
import { stageText } from '../observe/report-text.ts'
import type { LoadReport } from '../stages/load.ts'

/** @param badRowsFile where the rows are that could not be read; undefined where there can be none */
export function loadText(report: LoadReport, topic: string, badRowsFile?: string): string {
  const { rowsBefore, badRows } = report
  return [
    stageText(report, topic),
    ...(rowsBefore > 0 ? [`${countText(rowsBefore)} rows had been loaded by an earlier run.`] : []),
    ...(badRows > 0 ? [`${countText(badRows)} could not be read: see ${badRowsFile}`] : []),
  ].join('\n')
}

/**
 * The times that a load gives its records.
 *
 * @example
 * timesText(times)
 * // 'Times of the records: column "at", seconds since 1970,\n  from 2026-11-01T... to 2026-11-30T...'
 */
export function timesText({ column, unit, fromMs, toMs, withoutTime }: RowTimes): string {
  const time = (ms: number) => new Date(ms).toISOString()
  const range = fromMs === undefined ? ', no value' : `,\n  from ${time(fromMs)} to ${time(toMs ?? fromMs)}`
  const others = withoutTime === 0 ? '' : `; ${countText(withoutTime)} rows without a time`
  return `Times of the records: column "${printableLine(column)}", ${unit}${range}${others}\n`
}

const typeName = ({ type: { logicalType, avro } }: TableFile['columns'][number]) => logicalType ?? avro

/** Columns that are listed one by one; of wider tables only those with a remark. */
const listedColumns = 40

/** The types of a file: a line per column, with its field's name if that is another, and what to know; then doubts. */
export function columnsText({ file, columns, doubts }: Pick<TableFile, 'file' | 'columns' | 'doubts'>): string {
  const listed = columns.length <= listedColumns ? columns : columns.filter(({ remark }) => remark !== undefined)
  const called = ({ column, field }: (typeof listed)[number]) => (column === field ? column : `${column} (${field})`)
  const width = Math.min(30, Math.max(0, ...listed.map((each) => called(each).length)))
  const lines = listed.map((each) => {
    const { remark } = each
    const type = typeName(each)
    return `  ${called(each).padEnd(width)}  ${remark === undefined ? type : `${type.padEnd(6)}  ${remark}`}`
  })
  const counts = new Map<string, number>()
  for (const type of columns.map(typeName)) counts.set(type, (counts.get(type) ?? 0) + 1)
  const summary = [...counts].map(([type, count]) => `${countText(count)} ${type}`).join(', ')
  return [`${file}: ${summary}`, ...lines, ...doubts].map((line) => `${printableLine(line)}\n`).join('')
}
