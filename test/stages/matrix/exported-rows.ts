import { ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { Ajv } from 'ajv'
import { fileSchema } from '../../../scripts/docs/json-schemas.ts'
import { NpyFile } from '../../../src/files/matrix/npy-file.ts'
import { parseSpans, type Spans } from '../../../src/files/matrix/spans.ts'
import type { ExportMatrixOptions } from '../../../src/stages/matrix/export-matrix.ts'
import { temporaryFolder } from '../../files/temporary-folder.ts'
import { exampleFields, exported, modelled, modelOf, normalizedRows, type RawRow, topicOf } from './matrix-topic.ts'

const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(fileSchema('spans'))

/** Exports rows with the example's fields, null ones being tombstones, half of them in each of two partitions. */
export async function exportRows(
  t: TestContext,
  rows: readonly (RawRow | null)[],
  more: Partial<ExportMatrixOptions> = {},
  model = modelOf(
    rows.filter((row) => row !== null),
    exampleFields,
    modelled,
  ),
) {
  const { schema, values } = normalizedRows(rows, exampleFields, model)
  const half = Math.floor(rows.length / 2)
  const log = await topicOf([[{ id: 1, values: values.slice(0, half) }], [{ id: 1, values: values.slice(half) }]])
  const folder = temporaryFolder(t)
  const report = await exported(log, { 1: schema }, [model], folder, more)
  return { folder, model, report, spans: readSpans(more.spansFile ?? `${folder}/spans.json`) }
}

/** The rows of a folder's matrix.npy. */
export async function matrixOf(folder: string): Promise<number[][]> {
  const file = await NpyFile.open(`${folder}/matrix.npy`)
  try {
    const { rows, width } = file.shape
    const values = await file.read(0, rows)
    return Array.from({ length: rows }, (_, row) => [...values.subarray(row * width, (row + 1) * width)])
  } finally {
    await file.close()
  }
}

/** Spans as a folder's file has them, which are what its schema says. */
export const spansOf = (folder: string): Spans => readSpans(`${folder}/spans.json`)

function readSpans(file: string): Spans {
  const text = readFileSync(file, 'utf8')
  ok(validate(JSON.parse(text)), JSON.stringify(validate.errors))
  return parseSpans(text, 'spans.json')
}
