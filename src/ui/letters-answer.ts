import type { Letters } from './api.ts'
import type { LetterIndex } from './letter-index.ts'

const listedLetters = 500
const timeSteps = 60

/** The newest dead letters, by code and time. */
export function lettersAnswer({ isThere, rows, isAll, letters }: LetterIndex): Letters {
  const byCode = Map.groupBy(letters, ({ code }) => code)
  const codes = [...byCode].map(([code, { length }]) => ({ code, rows: length })).sort((a, b) => b.rows - a.rows)
  const [first, last] = [letters[0], letters.at(-1)]
  let times: Letters['times']
  if (first !== undefined && last !== undefined) {
    const stepMs = Math.max(1_000, Math.ceil((last.timestampMs - first.timestampMs + 1) / timeSteps))
    const counts = codes.map(() => new Array<number>(timeSteps).fill(0))
    const index = new Map(codes.map(({ code }, i) => [code, i]))
    for (const { timestampMs, code } of letters)
      counts[index.get(code) ?? 0][Math.min(timeSteps - 1, Math.floor((timestampMs - first.timestampMs) / stepMs))]++
    times = { fromMs: first.timestampMs, stepMs, counts }
  }
  return { isThere, rows, isAll, codes, times, letters: letters.slice(-listedLetters).reverse() }
}
