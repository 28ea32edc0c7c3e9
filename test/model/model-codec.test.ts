import { deepEqual, equal, notEqual, ok, throws } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import avro from 'avsc'
import fc from 'fast-check'
import { framedSchemaId } from '../../src/avro/framing.ts'
import type { Model } from '../../src/model/model.ts'
import {
  contentHash,
  decodeModel,
  decodeModelAlias,
  encodeModel,
  encodeModelAlias,
  schemaFingerprint,
} from '../../src/model/model-codec.ts'
import { modelKey, parseModelKey } from '../../src/model/model-key.ts'
import { modelAliasSchema, modelSchema } from '../../src/model/model-schemas.ts'
import { exampleContent, exampleNotes } from './example-model.ts'

function published(version = 3): Model {
  const content = exampleContent()
  return { ...content, version, createdAtMs: 1_700_000_000_000, contentSha256: contentHash(content) }
}

suite('model codec', () => {
  test('a model that is encoded and decoded is the same plain data', () => {
    const value = encodeModel(published(), 42)
    equal(framedSchemaId(value), 42)
    deepEqual(decodeModel(value), published())
    deepEqual(structuredClone(decodeModel(value)), published())
  })

  test('the model codec preserves every finite double', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 8 }),
        (doubles) => {
          const content = exampleContent()
          const [mean, ones] = [doubles.toSorted((a, b) => a - b), doubles.map(() => 1)]
          const modes = {
            mean,
            offset: doubles,
            weight: ones.map((one) => one / ones.length),
            std: ones,
            precision: ones,
          }
          const columns = [{ ...content.columns[0], ...modes }]
          const model: Model = { ...published(), columns, contentSha256: contentHash({ ...content, columns }) }
          deepEqual(decodeModel(encodeModel(model, 1)).columns, columns)
        },
      ),
      { seed: 11, numRuns: 100 },
    )
  })

  test('notes come along, are no part of the hash, and older readers go on without them', () => {
    const { comparison, unseenFrom } = exampleNotes
    const noted = { ...published(), comparison, unseenFrom }
    const value = encodeModel(noted, 42)
    deepEqual(decodeModel(value), noted)
    equal(contentHash(noted), contentHash(exampleContent()))
    const later = { ...comparison, verdict: 'a later verdict' as 'undecided' }
    equal(decodeModel(encodeModel({ ...noted, comparison: later }, 42)).comparison?.verdict, 'undecided')
    // An older reader resolves the record by its writer's schema, and an older record has no notes.
    const older = JSON.parse(modelSchema) as { fields: { name: string }[] }
    older.fields = older.fields.filter(({ name }) => name !== 'comparison' && name !== 'unseen_from')
    const [olderType, type] = [older, JSON.parse(modelSchema)].map((schema) => avro.Type.forSchema(schema))
    const read = olderType.fromBuffer(Buffer.from(value).subarray(5), olderType.createResolver(type))
    equal(read.content_sha256, noted.contentSha256)
    const framing = Buffer.from(value).subarray(0, 5)
    deepEqual(decodeModel(Buffer.concat([framing, olderType.toBuffer(read)]), JSON.stringify(older)), published())
  })

  test('an alias that is encoded and decoded is the same', () => {
    const alias = {
      dataset: 'flights',
      version: 2,
      highestVersion: 5,
      previousVersion: 4,
      changedAtMs: 1_700_000_000_000,
    }
    deepEqual(decodeModelAlias(encodeModelAlias(alias, 9)), alias)
  })

  test('an alias of a writer that knew no version before it is read with 0', () => {
    const before = JSON.parse(modelAliasSchema)
    before.fields = before.fields.filter(({ name }: { name: string }) => name !== 'previous_version')
    const body = avro.Type.forSchema(before).toBuffer({
      dataset: 'flights',
      version: 2,
      highest_version: 5,
      changed_at: 7,
    })
    const alias = decodeModelAlias(Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), body]), JSON.stringify(before))
    deepEqual(alias, { dataset: 'flights', version: 2, highestVersion: 5, previousVersion: 0, changedAtMs: 7 })
  })

  test('bytes whose counts cannot be right are refused at once', () => {
    const huge = Buffer.from('ffffffffffffffff7f', 'hex')
    for (const body of [huge, Buffer.concat([Buffer.from([4, 0x41, 0x41, 2, 2]), huge]), Buffer.alloc(10_000, 0x55)])
      throws(() => decodeModel(Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), body])), { code: 'VGM_MODEL_CORRUPT' })
    throws(() => decodeModel(Buffer.concat([Buffer.from([0, 255, 255, 255, 255]), huge])), /magic byte/)
  })

  test('the content hash depends on what the fit decided, not on version and time', () => {
    equal(contentHash(published(3)), contentHash({ ...published(4), createdAtMs: 5 } as Model))
    notEqual(contentHash(exampleContent('flights', 1)), contentHash(exampleContent('flights', 0)))
  })

  test('any language can check the content hash: it is over the Avro bytes with version, time and hash empty', () => {
    const model = published()
    const type = avro.Type.forSchema(JSON.parse(modelSchema))
    const record = type.fromBuffer(Buffer.from(encodeModel(model, 1).subarray(5)))
    const bare = type.toBuffer(Object.assign(record, { version: 0, created_at: 0, content_sha256: '' }))
    equal(createHash('sha256').update(bare).digest('hex'), model.contentSha256)
  })

  test('a changed byte is found by the hash', () => {
    const value = encodeModel(published(), 1)
    const at = Buffer.from(value).indexOf(Buffer.from(new Float64Array([41.25]).buffer))
    value[at] ^= 1
    throws(() => decodeModel(value), { code: 'VGM_MODEL_CORRUPT' })
  })

  test('what is no model is refused with a code, wherever it ends', () => {
    const value = encodeModel(published(), 1)
    for (const length of [0, 3, 5, 20, value.length - 1]) {
      throws(() => decodeModel(value.subarray(0, length)), { code: 'VGM_MODEL_CORRUPT' })
    }
  })

  test('a model of a newer schema is read as far as it is known', () => {
    const newer = JSON.parse(modelSchema)
    newer.fields.push({ name: 'approved_by', type: 'string', default: '' })
    const type = avro.Type.forSchema(structuredClone(newer))
    const record = avro.Type.forSchema(JSON.parse(modelSchema)).fromBuffer(
      Buffer.from(encodeModel(published(), 1).subarray(5)),
    )
    const value = Buffer.concat([
      encodeModel(published(), 1).subarray(0, 5),
      type.toBuffer({ ...record, approved_by: 'me' }),
    ])
    deepEqual(decodeModel(value, JSON.stringify(newer)), published())
  })

  test('a model of version 0.1.0, which knew no rounding, is read as one without it', () => {
    const older = JSON.parse(modelSchema)
    const column = older.fields.find((field: { name: string }) => field.name === 'columns').type.items
    column.fields = column.fields.filter((field: { name: string }) => field.name !== 'round_to')
    const type = avro.Type.forSchema(structuredClone(older))
    const bytes = encodeModel(published(), 1)
    const record = avro.Type.forSchema(JSON.parse(modelSchema)).fromBuffer(Buffer.from(bytes.subarray(5)))
    const value = Buffer.concat([bytes.subarray(0, 5), type.toBuffer(record)])
    ok(value.length < bytes.length)
    deepEqual(decodeModel(value, JSON.stringify(older)), published())
  })

  test('a model whose schema had no baseline is read without one, and one with a baseline keeps it', () => {
    const content = exampleContent()
    const baseline = {
      edges: [-60, 0, Number.MIN_VALUE, 1200.5],
      counts: [400_000, 90_000, 500_000],
      means: [-9, 0, 41],
    }
    const columns = [{ ...content.columns[0], baseline }]
    const model: Model = { ...published(), columns, contentSha256: contentHash({ ...content, columns }) }
    deepEqual(decodeModel(encodeModel(model, 1)), model)
    const older = JSON.parse(modelSchema)
    const column = older.fields.find(({ name }: { name: string }) => name === 'columns').type.items
    column.fields = column.fields.filter(({ name }: { name: string }) => name !== 'baseline')
    const readByOlder = avro.Type.forSchema(older)
    const bytes = Buffer.from(encodeModel(model, 1)).subarray(5)
    const resolver = readByOlder.createResolver(avro.Type.forSchema(JSON.parse(modelSchema)))
    const record = readByOlder.fromBuffer(bytes, resolver)
    equal(record.columns[0].name, 'delay')
    const value = Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), readByOlder.toBuffer(record)])
    deepEqual(decodeModel(value, JSON.stringify(older)).columns, content.columns)
  })

  test('a model whose schema had a regularization for every recipe is read with it', () => {
    const older = JSON.parse(modelSchema)
    const told = older.fields.find((field: { name: string }) => field.name === 'options').type.fields
    const at = told.findIndex((field: { name: string }) => field.name === 'regularization')
    told[at] = { name: 'regularization', type: 'double' }
    const bytes = encodeModel(published(), 1)
    const record = avro.Type.forSchema(JSON.parse(modelSchema)).fromBuffer(Buffer.from(bytes.subarray(5)))
    record.options.regularization = 1e-6
    const value = Buffer.concat([bytes.subarray(0, 5), avro.Type.forSchema(structuredClone(older)).toBuffer(record)])
    const { options } = decodeModel(value, JSON.stringify(older))
    deepEqual(options, { ...published().options, regularization: 1e-6 })
  })

  test('the decimals that a column is rounded to survive, and count as content', () => {
    const content = exampleContent()
    const rounded = { ...content, columns: [{ ...content.columns[0], type: 'double', roundTo: 2 } as const] }
    const model: Model = { ...published(), ...rounded, contentSha256: contentHash(rounded) }
    deepEqual(decodeModel(encodeModel(model, 1)), model)
    notEqual(contentHash(rounded), contentHash(content))
  })

  test('a regularization that was given survives, and what joining modes may cost, and both count as content', () => {
    const content = exampleContent()
    for (const told of [{ regularization: 1e-6 }, { join: 0 }, { join: 1e-4 }]) {
      const given = { ...content, options: { ...content.options, ...told } }
      const model: Model = { ...published(), ...given, contentSha256: contentHash(given) }
      deepEqual(decodeModel(encodeModel(model, 1)), model)
      notEqual(contentHash(given), contentHash(content))
    }
  })

  test('a column that normalize could not use rightly is refused, as one of JSON is', () => {
    for (const [change, message] of [
      [{ type: 'double', roundTo: -1 }, /"delay".*roundTo is -1/],
      [{ type: 'double', roundTo: 15 }, /roundTo is 15/],
      [{ roundTo: 2 }, /only double and float are rounded/],
      [{ std: [6.5, Number.NaN] }, /std\[1\] is NaN/],
      [{ mean: [41.25, -3.5] }, /means do not ascend/],
    ] as const) {
      const content = exampleContent()
      const columns = [{ ...content.columns[0], ...change }]
      const model: Model = { ...published(), columns, contentSha256: contentHash({ ...content, columns }) }
      throws(() => decodeModel(encodeModel(model, 1)), { code: 'VGM_MODEL_CORRUPT', message })
    }
  })

  test('our schemas are those that their names say', () => {
    equal(JSON.parse(modelSchema).name, 'Model')
    equal(JSON.parse(modelAliasSchema).namespace, 'io.vgmstream')
  })

  test('a fingerprint does not depend on how the schema is written', () => {
    const plain = '{"type":"record","name":"R","fields":[{"name":"x","type":"int"}]}'
    const wordy = '{ "fields": [{"doc": "x", "type": {"type": "int"}, "name": "x"}], "name": "R", "type": "record" }'
    equal(schemaFingerprint(plain), schemaFingerprint(wordy))
  })
})

suite('model keys', () => {
  test('parsing is the reverse of making, also for a data set with slashes', () => {
    for (const dataset of ['flights', 'a/b', 'current', '7']) {
      for (const version of ['current', 1, 999_999_999] as const) {
        deepEqual(parseModelKey(modelKey(dataset, version)), { dataset, version })
      }
    }
  })

  test('a text that is not a model key gives none', () => {
    for (const key of ['', 'flights', '/1', 'flights/', 'flights/0', 'flights/01', 'flights/-1', 'flights/1.5']) {
      equal(parseModelKey(key), undefined, key)
    }
  })
})
