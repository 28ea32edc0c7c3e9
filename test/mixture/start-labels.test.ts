import { deepEqual, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { rowBlocks } from '../../src/mixture/blocks.ts'
import { startLabels } from '../../src/mixture/start-labels.ts'
import { column, shapes } from './synthetic-columns.ts'

suite('start labels', () => {
  const drawn = column(shapes.lognormal, 500).sort()
  const mean = drawn.reduce((sum, x) => sum + x, 0) / drawn.length
  const std = Math.sqrt(drawn.reduce((sum, x) => sum + (x - mean) ** 2, 0) / drawn.length)
  const values = drawn.map((x) => (x - mean) / std)
  const blocks = rowBlocks(values)
  const rowsOf = (labels: Int32Array) => {
    const rows = new Array<number>(5).fill(0)
    for (const label of labels) rows[label]++
    return rows
  }

  test('give the largest component the first stick', () => {
    for (const { labels } of startLabels(blocks, [], 5)) {
      const rows = rowsOf(labels)
      deepEqual(
        rows,
        [...rows].sort((a, b) => b - a),
      )
    }
  })

  test('give every atom a component of its own', () => {
    for (const { labels, atomOf } of startLabels(blocks, [values[100]], 5)) {
      const [atom] = labels.subarray(100)
      ok(labels.every((label, i) => (label === atom) === (i === 100)))
      deepEqual([atomOf[atom], atomOf.filter(Number.isNaN).length], [values[100], 4])
    }
  })

  test('leave a long tail fewer clusters, the more the ranks count', () => {
    const inTail = startLabels(blocks, [], 5).map(({ labels }) => new Set(labels.subarray(450)).size)
    deepEqual(
      inTail,
      [...inTail].sort((a, b) => b - a),
    )
    ok(inTail[0] > inTail[2], `${inTail}`)
  })
})
