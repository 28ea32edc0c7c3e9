import { deepEqual, equal, ok } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { NpyFile } from '../../../src/files/matrix/npy-file.ts'
import type { ColumnModel } from '../../../src/mixture/column-model.ts'
import type { Model } from '../../../src/model/model.ts'
import { temporaryFolder } from '../../files/temporary-folder.ts'
import { exampleContent } from '../../model/example-model.ts'
import { exported, noChoice, normalizedRows, type RawField, type RawRow, topicOf } from './matrix-topic.ts'

/** A table, the models of its columns, and what ctgan's DataTransformer has made of both (ctgan-matrix.py). */
interface Table {
  readonly fields: readonly RawField[]
  readonly categories: readonly string[]
  readonly columns: readonly ColumnModel[]
  readonly spans: readonly (readonly [width: number, activation: string][])[]
  readonly matrix: string
  readonly rows: readonly RawRow[]
}

const folder = new URL('../../fixtures/ctgan/', import.meta.url)

suite("ctgan's own matrix", () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json')))
    test(`is that of vgm export --as ctgan, to float32: ${file}`, async (t) => {
      const table = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Table
      const { fields, rows, columns } = table
      const model: Model = {
        ...exampleContent(),
        columns,
        version: 1,
        createdAtMs: 0,
        contentSha256: '1'.repeat(64),
      }
      const { schema, values } = normalizedRows(rows, fields, model)
      const out = temporaryFolder(t)
      const choice = { ...noChoice, categories: new Set(table.categories) }
      const log = await topicOf([[{ id: 1, values }]])
      const { spans } = await exported(log, { 1: schema }, [model], out, { choice })
      // ctgan has no indicators of null in its matrix: it refuses such rows later on.
      const ours = spans.spans.filter(({ kind }) => kind !== 'null')
      deepEqual(
        ours.map(({ width, activation }) => [width, activation]),
        table.spans.flat(),
      )
      const expected = new Float32Array(new Uint8Array(gunzipSync(Buffer.from(table.matrix, 'base64'))).buffer)
      const width = expected.length / rows.length
      const matrix = await NpyFile.open(`${out}/matrix.npy`)
      const actual = await matrix.read(0, rows.length)
      await matrix.close()
      const kept = ours.flatMap(({ start, width }) => Array.from({ length: width }, (_, i) => start + i))
      equal(kept.length, width)
      for (let row = 0; row < rows.length; row++)
        for (const [c, at] of kept.entries()) {
          const [value, was] = [actual[row * spans.width + at], expected[row * width + c]]
          // The root of a variance may differ from the std in its last bit.
          ok(Math.abs(value - was) <= 2 ** -23 * Math.abs(was), `row ${row}, column ${at}: ${value}, not ${was}`)
        }
    })
})
