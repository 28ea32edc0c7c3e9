import { maxLongBytes, varintEnd, zigzag } from '../../batch/varint.ts'
import { skipValue } from '../skip-value.ts'
import type { TextCodes } from './category-codes.ts'
import { type ChunkColumn, setNull } from './column-chunk.ts'
import { fieldKinds, type RowField } from './row-fields.ts'

/** Where a column's values go. */
export interface ColumnTarget {
  readonly chunk: ChunkColumn
  /** of texts */
  readonly texts: TextCodes | undefined
  /** of a modelled column */
  readonly modeCount: number
}

/** Integers beyond have no double of their own. */
const mostExact = Number.MAX_SAFE_INTEGER

/** Why a row was refused: a clause. */
const problems = {
  malformed: 'its bytes do not fit its schema',
  unknownMode: (column: string, mode: number) => `column "${column}" has mode ${mode}, which the model does not have`,
  notFinite: (column: string) => `column "${column}" has a value that is no finite number`,
  tooWide: (column: string) => `column "${column}" has an integer beyond 2^53, which cannot be a category`,
} as const

/** Reads rows of one schema into the columns of a chunk. */
export class RowFieldReader {
  /** why the last row was refused: a clause */
  problem = ''
  /** what to do about it, if that is not to name another topic */
  fix: string | undefined
  readonly #fields: readonly RowField[]
  readonly #targets: readonly (ColumnTarget | undefined)[]
  readonly #names: readonly string[]
  /** where the value that was read last ends, and its number: an object a value would cost more than reading it */
  #next = 0

  /**
   * @param targets shape (columns of the fields)
   * @param names of the columns
   */
  constructor(fields: readonly RowField[], targets: readonly ColumnTarget[], names: readonly string[]) {
    this.#fields = fields
    this.#targets = fields.map(({ column }) => (column < 0 ? undefined : targets[column]))
    this.#names = fields.map(({ column }) => names[column] ?? '')
  }

  /** Reads the fields from `start` on into row `row`; returns whether they are the whole row, up to `end`. */
  read(bytes: Uint8Array, view: DataView, start: number, end: number, row: number): boolean {
    const fields = this.#fields
    const targets = this.#targets
    let at = start
    for (let f = 0; f < fields.length; f++) {
      const { kind, nullBranch, inner } = fields[f]
      const target = targets[f]
      if (nullBranch >= 0) {
        if (at >= end) return this.#refuse()
        const branch = bytes[at++]
        // 0 and 1 as zigzag varints.
        if (branch !== 0 && branch !== 2) return this.#refuse()
        if (branch >> 1 === nullBranch) {
          if (target !== undefined) setNull(target.chunk, row)
          for (let i = 0; i < inner; i++) {
            const within = targets[++f]
            if (within !== undefined) setNull(within.chunk, row)
          }
          continue
        }
      }
      switch (kind) {
        case fieldKinds.modeValue: {
          if (at + 9 > end) return this.#refuse()
          const { chunk, modeCount } = target as ColumnTarget
          const value = view.getFloat64(at, true)
          let mode = bytes[at + 8]
          at += 9
          if (mode > 127) {
            mode = this.#long(bytes, at - 1, end)
            at = this.#next
            if (at < 0) return this.#refuse()
          } else mode = (mode >> 1) ^ -(mode & 1)
          if (!(mode >= 0 && mode < modeCount)) return this.#refuse(problems.unknownMode(this.#names[f], mode))
          if (value - value !== 0) return this.#refuse(problems.notFinite(this.#names[f]))
          chunk.numbers[row] = value
          chunk.modes[row] = mode
          break
        }
        case fieldKinds.text: {
          if (at >= end) return this.#refuse()
          let length = bytes[at++]
          if (length > 127) {
            length = this.#long(bytes, at - 1, end)
            at = this.#next
            if (at < 0) return this.#refuse()
          } else length = (length >> 1) ^ -(length & 1)
          if (length < 0 || length > end - at) return this.#refuse()
          if (target !== undefined) target.chunk.codes[row] = (target.texts as TextCodes).codeOf(bytes, at, at + length)
          at += length
          break
        }
        case fieldKinds.int:
        case fieldKinds.long: {
          const value = this.#long(bytes, at, end)
          at = this.#next
          if (at < 0) return this.#refuse()
          if (target === undefined) break
          if (Math.abs(value) > mostExact)
            return this.#refuse(
              problems.tooWide(this.#names[f]),
              `Leave "${this.#names[f]}" out of the categories (--categories, categories)`,
            )
          target.chunk.numbers[row] = value
          target.chunk.modes[row] = 0
          break
        }
        case fieldKinds.double:
        case fieldKinds.float: {
          const width = kind === fieldKinds.double ? 8 : 4
          if (at + width > end) return this.#refuse()
          if (target !== undefined) {
            const value = width === 8 ? view.getFloat64(at, true) : view.getFloat32(at, true)
            if (value - value !== 0) return this.#refuse(problems.notFinite(this.#names[f]))
            target.chunk.numbers[row] = value
            target.chunk.modes[row] = 0
          }
          at += width
          break
        }
        case fieldKinds.boolean: {
          if (at >= end || bytes[at] > 1) return this.#refuse()
          if (target !== undefined) target.chunk.codes[row] = bytes[at]
          at++
          break
        }
        case fieldKinds.enum: {
          const symbol = fields[f].symbols[this.#long(bytes, at, end)]
          at = this.#next
          if (at < 0 || symbol === undefined) return this.#refuse()
          const { chunk, texts } = target as ColumnTarget
          chunk.codes[row] = (texts as TextCodes).codeOf(symbol, 0, symbol.length)
          break
        }
        case fieldKinds.record:
          break
        default:
          at = skipValue(fields[f].type, bytes, at, end)
          if (at < 0) return this.#refuse()
      }
    }
    return at === end || this.#refuse()
  }

  /** A zigzag varint; `#next` is -1 if there is none. */
  #long(bytes: Uint8Array, at: number, end: number): number {
    this.#next = varintEnd(bytes, at, end, maxLongBytes)
    return this.#next < 0 ? 0 : zigzag(bytes, at, this.#next)
  }

  #refuse(problem: string = problems.malformed, fix?: string): false {
    this.problem = problem
    this.fix = fix
    return false
  }
}
