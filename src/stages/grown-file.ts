import { countText } from '../count-text.ts'
import { UsageError } from '../errors.ts'
import { bytesAround, fileBegunWith } from '../files/reading/file-fingerprint.ts'
import { fileMagic } from '../files/reading/file-magic.ts'
import type { TableFile } from '../files/reading/table-file.ts'
import { firstBytes } from '../files/reading/text-source.ts'
import type { FileProgress } from './load-progress.ts'
import type { LoadedFiles } from './loaded-files.ts'

/** What is loaded, and where to. */
interface GrownFile {
  readonly table: TableFile
  readonly topic: string
  readonly files: LoadedFiles
  /** fingerprints of files that are loaded beside it: it is none of them, grown */
  readonly beside?: ReadonlySet<string> | undefined
}

/**
 * How far a file was loaded when it was shorter: rows were appended since, as to a log or to a table that is exported
 * every day. Of several such loads it is the one of the longest file.
 *
 * @param layoutHash `GrowthMarks.layoutHash` of the file as it is now
 * @throws UsageError if the file goes on in a way that does not show where its new rows begin
 */
export async function progressOfShorter(grown: GrownFile, layoutHash: string): Promise<FileProgress | undefined> {
  const { file, format } = grown.table
  // Parquet has its index at the end: a file with more rows begins with no other.
  if (format === 'parquet') return undefined
  const known = grown.files.all
    .filter(({ file }) => !grown.beside?.has(file))
    .flatMap((progress) =>
      progress.growth === undefined ? [] : [{ ...progress.growth, fingerprint: progress.file, progress }],
    )
  const found = await fileBegunWith(file, known)
  if (found === undefined) return undefined
  await refuseUnclear(grown, found.progress, found.layoutHash === layoutHash, found.size)
  return found.progress
}

/** Fewer rows that are alike may be so by chance. */
const tellingRows = 10

/**
 * What may be wrong with a file whose first rows are those of one that was loaded before: the table was exported anew,
 * in another form or compressed, or was changed farther on.
 *
 * @param firstRows `TableFile.firstRows` of the file as it is now
 * @returns a sentence without the full stop, of the file with the most rows; undefined if there is none
 */
export function doubtOfBeginning({ files, beside }: GrownFile, firstRows: readonly string[]): string | undefined {
  const countIn = ({ rows }: FileProgress) => Math.min(rows, firstRows.length)
  const alike = files.all.filter((each) => {
    const count = countIn(each)
    if (!each.complete || count < tellingRows || beside?.has(each.file)) return false
    return each.firstRows === firstRows[count - 1]
  })
  if (alike.length === 0) return undefined
  const most = alike.reduce((one, other) => (other.rows > one.rows ? other : one))
  return (
    `its first ${countText(countIn(most))} rows are those of a file that was loaded before (${countText(most.rows)} ` +
    'rows): they are loaded a second time'
  )
}

async function refuseUnclear(
  { table: { file }, topic }: GrownFile,
  { rows }: FileProgress,
  isReadAlike: boolean,
  size: number,
): Promise<void> {
  const refuse = (problem: string, fix: string) => {
    const begins = `${file} begins with what was loaded into ${topic} before (${countText(rows)} rows)`
    return new UsageError(`${begins}, ${problem}`, fix)
  }
  const asFileOfItsOwn = 'Load its new rows as a file of their own, or all of it into another data set or topic'
  const magic = fileMagic(await firstBytes(file))
  if (magic !== undefined) throw refuse(`and is compressed (${magic}): its new rows cannot be told`, asFileOfItsOwn)
  if (!(await isBetweenLines(file, size)))
    throw refuse('and goes on within the last line that it had then', asFileOfItsOwn)
  if (!isReadAlike)
    throw refuse(
      'and is read in another way now, or with another key or other times',
      `Give the same options for reading it as then, the same key and column of times. ${asFileOfItsOwn}`,
    )
}

/** Whether a line ends at a place in a file, or the next one begins there; in UTF-16, too. */
async function isBetweenLines(file: string, at: number): Promise<boolean> {
  const [before, behind] = await bytesAround(file, at)
  const ends = (bytes: readonly (number | undefined)[]) => bytes.some((byte) => byte === 0x0a || byte === 0x0d)
  const [last, lastButOne] = [before.at(-1), before.at(-2)]
  const [first, second] = behind
  return ends([last, first]) || (last === 0 && ends([lastButOne])) || (first === 0 && ends([second]))
}
