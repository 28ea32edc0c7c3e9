import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import avro from 'avsc'
import { parseStats, type StatsRecord, statsKey, statsText } from '../../src/drift/stats-record.ts'
import { isPositionKey, parsePositionValue, positionKey, positionValue } from '../../src/kafka/position-record.ts'
import { columnModel, fitMixture, Normalizer } from '../../src/mixture/index.ts'
import type { Model } from '../../src/model/model.ts'
import { currentModel, emptyCatalogue, withRecord } from '../../src/model/model-catalogue.ts'
import {
  contentHash,
  decodeModel,
  decodeModelAlias,
  encodeModel,
  encodeModelAlias,
} from '../../src/model/model-codec.ts'
import { modelAliasSchema, modelSchema } from '../../src/model/model-schemas.ts'

/** What make-records.ts has written with the code of the release before. */
const before = JSON.parse(readFileSync(new URL('../fixtures/release-before/records.json', import.meta.url), 'utf8'))
const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const schemas = { model: JSON.stringify(before.schemas.model), alias: JSON.stringify(before.schemas.alias) }
const writers = new Map([
  [7, schemas.model],
  [8, schemas.alias],
])

/** A record as a reader of the release before sees it. */
function readBefore(schema: string, value: Uint8Array, writer: string): Record<string, unknown> {
  const type = avro.Type.forSchema(JSON.parse(schema))
  return type.fromBuffer(Buffer.from(value.subarray(5)), type.createResolver(avro.Type.forSchema(JSON.parse(writer))))
}

/** What a value has of the fields that an older one has. */
function known(older: unknown, value: unknown): unknown {
  if (Array.isArray(older)) return older.map((each, i) => known(each, (value as unknown[])[i]))
  if (typeof older !== 'object' || older === null) return value
  return Object.fromEntries(Object.entries(older).map(([k, v]) => [k, known(v, (value as Record<string, unknown>)[k])]))
}

suite('upgrades: records of the release before', () => {
  test('its model and alias are read, and normalize to the digit', () => {
    const model = decodeModel(bytes(before.model.bytes), schemas.model)
    deepEqual(model, before.model.content)
    deepEqual(decodeModelAlias(bytes(before.alias.bytes), schemas.alias), before.alias.content)
    const catalogue = [
      { offset: 0, key: Buffer.from('trips/3'), value: bytes(before.model.bytes) },
      { offset: 1, key: Buffer.from('trips/current'), value: bytes(before.alias.bytes) },
    ].reduce((all, record) => withRecord(all, record, writers), emptyCatalogue)
    equal(catalogue.findingCount, 0)
    const current = currentModel(catalogue, 'trips') as Model
    equal(current.contentSha256, before.model.content.contentSha256)
    for (const column of current.columns) {
      const [values, modes, restored] = [new Float64Array(3), new Uint8Array(3), new Float64Array(3)]
      const normalizer = new Normalizer(column)
      normalizer.normalize(Float64Array.of(-18, 0, 21.5), values, modes)
      normalizer.restore(values, modes, restored)
      deepEqual(
        Array.from(restored, (x) => Math.round(x * 1e6) / 1e6),
        column.type === 'int' ? [-18, 0, 22] : [-18, 0, 21.5],
      )
    }
  })

  test('it reads a model of ours, and loses nothing but what has come since', () => {
    const waits = Float64Array.from({ length: 900 }, (_, i) => i % 50)
    const content = { ...before.model.content, columns: [columnModel(fitMixture(waits), { name: 'wait' })] } as Model
    ok(content.columns[0].baseline !== undefined)
    const model = { ...content, contentSha256: contentHash(content) }
    const ours = encodeModel(model, 9)
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value))
    const theirs = plain(readBefore(schemas.model, ours, modelSchema))
    const all = plain(avro.Type.forSchema(JSON.parse(modelSchema)).fromBuffer(Buffer.from(ours.subarray(5))))
    deepEqual(theirs, known(theirs, all))
    ok(JSON.stringify(theirs).includes(JSON.stringify(content.columns[0].mean)))
    const alias = encodeModelAlias(before.alias.content, 9)
    deepEqual(plain(readBefore(schemas.alias, alias, modelAliasSchema)).highest_version, 4)
  })

  test('positions are the same texts in both', () => {
    const { key, value, content } = before.position
    ok(isPositionKey(key))
    deepEqual(parsePositionValue(value), content)
    equal(positionValue(content), value)
    equal(positionKey('vgm.trips.normalize', { topic: 'trips.raw', partition: 2 }), key)
  })

  test('counts of format 1 are read as they were written, and those of a later format are left alone', () => {
    const record: StatsRecord = {
      dataset: 'trips',
      version: 3,
      content: 'ab'.repeat(32),
      windowStartMs: 1_764_400_020_000,
      intervalMs: 60_000,
      run: '5f0c9a2b71d4',
      rows: 5,
      columns: [{ name: 'wait', slots: [0, 3, 1], modes: [3, 1], nulls: 1 }],
    }
    const written =
      '{"format":1,"dataset":"trips","version":3,"content":"' +
      `${'ab'.repeat(32)}","windowStartMs":1764400020000,"intervalMs":60000,"run":"5f0c9a2b71d4","rows":5,` +
      '"columns":[{"name":"wait","slots":[0,3,1],"modes":[3,1],"nulls":1}]}'
    equal(statsText(record), written)
    deepEqual(parseStats(written), record)
    equal(statsKey(record), 'trips/3/1764400020000/5f0c9a2b71d4')
    equal(parseStats(written.replace('"format":1', '"format":2')), undefined)
  })
})
