import { headerText, type Source, type StockRow } from '../../ports/stock-log.ts'
import { frameDifference } from './frame-difference.ts'
import { RowWindow } from './row-window.ts'

/** Headers that dead letters have beside the row's own. */
export const deadLetterHeaders = {
  code: 'vgm.error.code',
  message: 'vgm.error.message',
  stage: 'vgm.stage',
  topic: 'vgm.source.topic',
  partition: 'vgm.source.partition',
  offset: 'vgm.source.offset',
  /** of a batch that is one dead letter */
  lastOffset: 'vgm.source.last.offset',
  modelVersion: 'vgm.model.version',
} as const

export interface DeadLetterFilterOptions<T> {
  /** the stage and the topic whose dead letters count; others are passed over */
  readonly stage: string
  readonly topic: string
  /** the row of the topic that may be a dead letter */
  readonly rowOf: (item: T) => StockRow
  /** rows before it are not there any more, so their dead letters say nothing */
  readonly start: number
  /** told of letters whose row is no longer there; without it they are wrong */
  readonly onRemoved?: (offset: number) => void
  /** whether the row should not have become a dead letter */
  readonly isNeedless: (item: T, letter: StockRow) => boolean
  readonly onNeedless: (item: T, letter: StockRow) => void
  readonly onDoubled: (letter: StockRow, problem: string) => void
  readonly onWrong: (letter: StockRow, problem: string) => void
  /** told of each letter that is a whole batch, whose rows are none of the items */
  readonly onBatch: (letter: StockRow) => void
}

/**
 * The items that are no dead letters.
 *
 * Both sources are in offset order, so one walk suffices. A dead letter that comes a second time, or after its turn,
 * counts as doubled; one whose bytes are not the row's as wrong.
 *
 * @param letters of the same partition: a dead letter keeps its partition
 * @param onLetter told about each row that is a dead letter, as it should be
 */
export function withoutDeadLetters<T>(
  items: Source<T>,
  letters: Source<StockRow> | undefined,
  options: DeadLetterFilterOptions<T>,
  onLetter: (row: StockRow) => void,
): Source<T> {
  if (letters === undefined) return items
  const window = new RowWindow(letters)
  let turn = options.start

  async function nextLetter(): Promise<StockRow | undefined> {
    for (;;) {
      await window.fill(1)
      if (window.length === 0) return undefined
      const letter = window.peek(0)
      if (isOfStage(letter, options) && headerText(letter, deadLetterHeaders.lastOffset) !== undefined)
        options.onBatch(letter)
      else if (isOfStage(letter, options)) {
        const offset = sourceOffset(letter)
        if (offset >= turn) return letter
        if (offset >= options.start) options.onDoubled(letter, `the row at offset ${offset} is a dead letter twice`)
      }
      window.skip(1)
    }
  }

  return {
    async next() {
      for (;;) {
        const piece = await items.next()
        if (piece === undefined) {
          for (let letter = await nextLetter(); letter !== undefined; letter = await nextLetter()) {
            options.onRemoved?.(sourceOffset(letter))
            window.skip(1)
          }
          return undefined
        }
        let letter = await nextLetter()
        const last = Number(options.rowOf(piece[piece.length - 1]).offset)
        if (letter === undefined || sourceOffset(letter) > last) return piece
        const kept: T[] = []
        for (const item of piece) {
          const row = options.rowOf(item)
          const offset = Number(row.offset)
          while (letter !== undefined && sourceOffset(letter) < offset) {
            if (options.onRemoved === undefined)
              options.onWrong(letter, `there is no row at offset ${sourceOffset(letter)}`)
            else options.onRemoved(sourceOffset(letter))
            window.skip(1)
            letter = await nextLetter()
          }
          if (letter === undefined || sourceOffset(letter) > offset) kept.push(item)
          else {
            if (!isUnchanged(row.written ?? row, letter)) {
              options.onWrong(letter, `its bytes are not those of the row at offset ${offset}`)
            } else if (options.isNeedless(item, letter)) options.onNeedless(item, letter)
            else onLetter(row)
            turn = offset + 1
            window.skip(1)
            letter = await nextLetter()
          }
        }
        if (kept.length > 0) return kept
      }
    },
  }
}

function isOfStage(letter: StockRow, { stage, topic }: { readonly stage: string; readonly topic: string }): boolean {
  return headerText(letter, deadLetterHeaders.stage) === stage && headerText(letter, deadLetterHeaders.topic) === topic
}

/** Offset of the row that a letter was, or of the first row of its batch. */
export function sourceOffset(letter: StockRow): number {
  return Number(headerText(letter, deadLetterHeaders.offset))
}

function isUnchanged(row: StockRow, letter: StockRow): boolean {
  const own = Object.fromEntries(Object.entries(letter.headers ?? {}).filter(([name]) => !name.startsWith('vgm.')))
  const wanted = Object.fromEntries(Object.entries(row.headers ?? {}).filter(([name]) => !name.startsWith('vgm.')))
  const isSameBytes =
    row.value === null || letter.value === null ? row.value === letter.value : row.value.equals(letter.value)
  return isSameBytes && frameDifference({ ...row, headers: wanted }, { ...letter, headers: own }) === undefined
}
