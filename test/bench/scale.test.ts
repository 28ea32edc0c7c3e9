import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { medianFigures } from '../../bench/scale/scale-report.ts'
import { axisNames, pointsOf, specOf } from '../../bench/scale/setups.ts'
import { parseRowSpec } from '../../src/stages/synthetic/row-spec.ts'

suite('the points of the scale bench', () => {
  test('vary one thing at a time, and keep the number of values but where it is what varies', () => {
    for (const axis of axisNames) {
      const points = pointsOf(new Set([axis]), 600_000)
      equal(new Set(points.map((point) => point[axis])).size, points.length, axis)
      for (const other of axisNames.filter((name) => name !== axis && name !== 'rows'))
        equal(new Set(points.map((point) => point[other])).size, 1, `${axis} varies ${other}`)
      const values = axis === 'members' ? 6_000_000 : 600_000
      if (axis !== 'rows')
        ok(
          points.every(({ rows, columns }) => rows * columns === values),
          axis,
        )
    }
  })

  test('have rows of as many columns and modes as they say', () => {
    const columns = parseRowSpec(specOf({ columns: 3, modes: 50 }))
    deepEqual(
      columns.map(({ distribution }) => distribution.kind === 'mixture' && distribution.parts.length),
      [50, 50, 50],
    )
  })

  test('are reported by medians, each figure by itself', () => {
    const round = (normalize: number, brokerNs: number | null) => ({
      ...{ generate: 1, restore: 2, fitSeconds: 3, modesFound: 4, rssBytes: null },
      normalize,
      brokerNs,
    })
    deepEqual(medianFigures([round(30, 7), round(10, null), round(20, 9)]), {
      ...round(20, 8),
    })
  })
})
