import { countText } from '../count-text.ts'
import { printableLine } from '../observe/printable-text.ts'
import { counted, sizeText, stageText } from '../observe/report-text.ts'
import type { ExportReport } from '../stages/export.ts'
import type { ExportMatrixReport } from '../stages/matrix/export-matrix.ts'

/** What was written, and what the topic holds besides. */
export function exportText(report: ExportReport, file: string): string {
  const { tombstones, skipped, renamed = [] } = report
  const nulls = tombstones > 0 ? `; ${tombstonesText(tombstones)} not in it` : ''
  const unread = skipped > 0 ? `; ${counted(skipped, 'row')} that could not be read left out` : ''
  return stageText(report, file) + nulls + unread + renamedText(renamed)
}

/** Normalized rows have two columns for each of a model, and a topic may have thousands. */
const shownNames = 6

function renamedText(renamed: NonNullable<ExportReport['renamed']>): string {
  if (renamed.length === 0) return ''
  const names = renamed.slice(0, shownNames).map(({ column, name }) => `${column} is ${name}`)
  const more = renamed.length > shownNames ? [`${countText(renamed.length - shownNames)} more`] : []
  const what = `${counted(renamed.length, 'column')} renamed: ${[...names, ...more].join(', ')}`
  return `; ${what} (Parquet is written without names that differ only in case, CSV with them)`
}

function tombstonesText(count: number): string {
  return count === 1 ? '1 tombstone is' : `${countText(count)} tombstones are`
}

/** What `--json` prints of a matrix: spans.json has more. */
export function matrixResult(
  { as, model, width, fileWidth, columns, leftOut }: ExportMatrixReport['spans'],
  file: string,
  spansFile: string,
) {
  return {
    as,
    file,
    spans: spansFile,
    version: model.version,
    width,
    fileWidth,
    columns: columns.map(({ name, kind, width, nulls, clipped, rare }) => ({
      name,
      kind,
      width,
      nulls,
      ...(clipped !== undefined && { clipped }),
      ...(rare !== undefined && {
        rare: rare.categories.length,
        rareRows: rare.counts.reduce((sum, rows) => sum + rows, 0),
      }),
    })),
    leftOut,
  }
}

/**
 * @param sizeBytes of the matrix
 * @param clip limit of its values; null for none
 */
export function matrixText(
  report: Omit<ExportMatrixReport, 'spans'>,
  { as, file, spans, version, width, fileWidth, columns, leftOut }: ReturnType<typeof matrixResult>,
  sizeBytes: number,
  clip: number | null,
): string {
  const { otherVersions } = report
  const clipped = columns.filter(({ clipped = 0 }) => clipped > 0)
  const inFile = fileWidth === width ? '' : ` (${countText(fileWidth)} in the file: --indices)`
  const ofClip = clip === null ? ': float32 does not hold them' : ' (--clip)'
  const lines = [
    exportText(report, file),
    `${countText(width)} columns of model ${version}${inFile}, ${sizeText(sizeBytes)}; ${spans} says what they are`,
    ...(otherVersions > 0 ? [`${counted(otherVersions, 'row')} of other versions left out`] : []),
    ...columns.filter((column) => isIdentifier(column, report.rowsOut)).map(identifierText),
    ...columns.flatMap((column) => rareText(column)),
    ...clipped.map(
      ({ name, clipped = 0 }) => `${name}: ${counted(clipped, 'value')} clipped${as === 'ctgan' ? ofClip : ''}`,
    ),
    ...leftOut.map(({ column, reason }) => `${column} is not in it: ${reason}`),
  ]
  return lines.map(printableLine).join('\n')
}

type ResultColumn = ReturnType<typeof matrixResult>['columns'][number]

/** Of fewer rows, many categories say nothing. */
const fewRows = 100

function categoriesOf({ width, nulls, rare = 0 }: ResultColumn): number {
  return width - (nulls > 0 ? 1 : 0) - (rare > 0 ? 1 : 0) + rare
}

/** Whether a category has two rows on average, or fewer: a generator has nothing to learn from them. */
function isIdentifier(column: ResultColumn, rows: number): boolean {
  const present = rows - column.nulls
  return column.kind === 'discrete' && present >= fewRows && 2 * categoriesOf(column) >= present
}

function identifierText(column: ResultColumn): string {
  const categories = countText(categoriesOf(column))
  return `${column.name} looks like an identifier: ${categories} categories (--leave-out ${column.name})`
}

/** What --rare has made of a column. */
function rareText({ name, width, nulls, rare = 0, rareRows = 0 }: ResultColumn): string[] {
  if (rare === 0) return []
  const share = `${counted(rare, 'rare category', 'rare categories')} share a column, ${counted(rareRows, 'row')}`
  const isConstant = width === 1 + (nulls > 0 ? 1 : 0)
  return [
    `${name}: ${share}${isConstant ? `: it has no other category (--leave-out ${name}, or a smaller --rare)` : ''}`,
  ]
}
