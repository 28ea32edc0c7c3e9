import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { Ajv } from 'ajv'
import type { Model } from '../../src/model/model.ts'
import { contentHash } from '../../src/model/model-codec.ts'
import { modelFromJson, modelToJson } from '../../src/model/model-json.ts'
import { exampleContent, exampleNotes } from './example-model.ts'

const content = exampleContent()
const model: Model = { ...content, ...exampleNotes, version: 3, createdAtMs: 1, contentSha256: contentHash(content) }

/** The problem of a file that differs from the model in some parts. */
function problemOf(change: object): string {
  const found = modelFromJson(JSON.stringify({ ...model, contentSha256: undefined, ...change }), 'flights')
  ok(typeof found === 'string', 'it is taken for a model')
  return found
}

suite('the file of a model', () => {
  test('comes back as it is, without what belongs to its topic', () => {
    deepEqual(modelFromJson(modelToJson(model), 'flights'), content)
    const moved = modelFromJson(modelToJson(model), 'trains')
    deepEqual(moved, { ...content, dataset: 'trains' })
  })

  test('keeps -0', () => {
    const [column] = content.columns
    const columns = [{ ...column, mean: [-0, 41.25], min: -0, max: -0 }]
    const signed = { ...model, columns }
    match(modelToJson(signed), /"mean":\[-0\.0,41\.25\]/)
    const found = modelFromJson(modelToJson(signed), 'flights')
    ok(typeof found !== 'string', String(found))
    ok(Object.is(found.columns[0].mean[0], -0) && Object.is(found.columns[0].max, -0))
  })

  test('has the hash of its content, though an older writer published another', () => {
    const older = { ...model, contentSha256: 'ab'.repeat(32) }
    equal(JSON.parse(modelToJson(older)).contentSha256, model.contentSha256)
  })

  test('is what its schema says, with and without what is optional', () => {
    const schema = JSON.parse(readFileSync(new URL('../../schemas/json/model.schema.json', import.meta.url), 'utf8'))
    const validate = new Ajv({ allowUnionTypes: true }).compile(schema)
    const { dataset: _, ...bare } = content
    for (const text of [modelToJson(model), JSON.stringify(bare)]) {
      ok(validate(JSON.parse(text)), JSON.stringify(validate.errors))
      ok(typeof modelFromJson(text, 'flights') !== 'string')
    }
    ok(!validate({ ...bare, seed: undefined }))
  })

  test('that was changed by hand is refused by its hash, or taken without one', () => {
    const text = modelToJson(model)
    const changed = text.replace('"mean":[-3.5,', '"mean":[-3.25,')
    match(modelFromJson(changed, 'flights') as string, /does not match its contentSha256; leave that out/)
    const { contentSha256: _, ...without } = JSON.parse(changed)
    ok(typeof modelFromJson(JSON.stringify(without), 'flights') !== 'string')
  })

  test('that is no model is refused with the reason', () => {
    const [column] = content.columns
    match(modelFromJson('{"recipe"', 'flights') as string, /^it is no JSON: /)
    for (const text of ['[]', '3', 'null', '"x"']) equal(modelFromJson(text, 'flights'), 'it is no JSON object')
    for (const [change, problem] of [
      [{ mood: 1 }, /there is no "mood"/],
      [{ lineage: undefined }, /has no "lineage"/],
      [{ recipe: 'other' }, /its recipe is "other"/],
      [{ columns: [] }, /no columns/],
      [{ columns: {} }, /no columns/],
      [{ columns: [null] }, /column 0 is no model of one/],
      [{ columns: [column, column] }, /two columns "delay"/],
      [{ columns: [{ ...column, std: [0, 1] }] }, /column "delay" is no model of one: a std is not above 0/],
      [{ options: null }, /options are no object/],
      [{ options: { ...content.options, components: 'ten' } }, /options\.components is "ten", and no .*int/],
      [{ options: { ...content.options, minWeight: undefined } }, /options\.minWeight is missing/],
      [{ lineage: { ...content.lineage, partitions: 3 } }, /lineage\.partitions is no list/],
      [{ lineage: { ...content.lineage, partitions: [3] } }, /lineage\.partitions\[0\] is no object/],
      [{ lineage: { ...content.lineage, rowsSeen: 1.5 } }, /lineage\.rowsSeen is 1\.5/],
      [{ lineage: { ...content.lineage, topic: 7 } }, /lineage\.topic is 7/],
      [{ seed: '0' }, /seed is "0"/],
    ] as const)
      match(problemOf(change), problem)
  })
})
