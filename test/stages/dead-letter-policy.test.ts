import { doesNotThrow, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { rowErrors } from '../../src/rows/row-error.ts'
import {
  type DeadLetterPolicy,
  DeadLetterWatch,
  deadLetterDefaults,
  refuseAllDead,
} from '../../src/stages/dead-letter-policy.ts'

const source = { topic: 'raw', partition: 3 }
const firstOffset = 500

function watchFor(policy: Partial<DeadLetterPolicy> = {}) {
  const watch = new DeadLetterWatch({ ...deadLetterDefaults, ...policy })
  /** A batch whose last `dead` rows cannot be processed. */
  const batch = (rows: number, dead: number) => {
    for (let row = rows - dead; row < rows; row++) watch.deadLetter(source, firstOffset + row, row, rowErrors.malformed)
    watch.batch(rows)
  }
  return { watch, batch }
}

suite('dead-letter policy', () => {
  test('up to half of the rows may be dead letters, and not one more', () => {
    const { batch } = watchFor()
    doesNotThrow(() => batch(10_000, 5_000))
    throws(() => batch(2, 2), {
      code: 'VGM_DEAD_LETTER_SHARE',
      message: /5,002 of the last 10,002 rows .* raw\/3 offset 501: .*\(VGM_ROW_MALFORMED\)/,
    })
  })

  test('a few rows at the beginning prove nothing', () => {
    const { batch } = watchFor()
    for (let i = 0; i < 9; i++) doesNotThrow(() => batch(100, 100))
    throws(() => batch(100, 100), { code: 'VGM_DEAD_LETTER_SHARE' })
  })

  test('good rows of long ago excuse nothing, and bad ones of long ago are forgotten', () => {
    const { batch } = watchFor()
    for (let i = 0; i < 1_000; i++) batch(10_000, 4_000)
    for (let i = 0; i < 100; i++) batch(1_000, 0)
    for (let i = 0; i < 50; i++) batch(1_000, 1_000)
    throws(() => batch(1_000, 1_000), { message: /51,000 of the last 1[0-9]{2},000 rows/ })
  })

  test('a large batch is stopped in its midst: each of its rows may cost a question', () => {
    const { watch } = watchFor()
    let rows = 0
    throws(
      () => {
        for (; rows < 50_000; rows++) watch.deadLetter(source, firstOffset + rows, rows, rowErrors.unknownSchema)
      },
      { code: 'VGM_DEAD_LETTER_SHARE' },
    )
    equal(rows, 999)
  })

  test('with a share of 1 nothing but dead letters is allowed', () => {
    const { batch } = watchFor({ maxShare: 1 })
    doesNotThrow(() => batch(50_000, 50_000))
  })

  test('a topic of which every row is dead is no success, however few rows it has, unless any number is allowed', () => {
    const report = (rowsIn: number, deadLetters: number, maxShare?: number) => {
      const policy = maxShare === undefined ? undefined : { maxShare, onInvalid: 'dead-letter' as const }
      return () => refuseAllDead({ rowsIn, deadLetters }, policy, 'trips.dead-letters', 'trips')
    }
    throws(report(8, 8), {
      code: 'VGM_ALL_ROWS_DEAD',
      exitCode: 1,
      message: 'All 8 rows became dead letters: none was written',
      fix: /vgm dead-letters ls --dataset trips --topic trips\.dead-letters/,
    })
    throws(report(1, 1, 0.9), { message: /^The only row became a dead letter/ })
    report(8, 7)()
    report(0, 0)()
    report(8, 8, 1)()
  })

  test('rows that come again are not counted twice', () => {
    const { watch, batch } = watchFor()
    for (let i = 0; i < 100; i++) {
      batch(600, 500)
      watch.clear()
    }
  })

  test('where none is allowed the first row stops the stage, with its position', () => {
    const { batch } = watchFor({ onInvalid: 'stop' })
    doesNotThrow(() => batch(100, 0))
    throws(() => batch(1, 1), { code: 'VGM_ROW_INVALID', message: /raw\/3 offset 500: .*\(VGM_ROW_MALFORMED\)/ })
  })
})
