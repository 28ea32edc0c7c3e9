import { deepEqual, equal, match, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Model } from '../../src/model/model.ts'
import {
  currentModel,
  emptyCatalogue,
  knownVersions,
  type ModelTopicRecord,
  nextVersion,
  whyNoCurrent,
  withRecord,
} from '../../src/model/model-catalogue.ts'
import { contentHash, encodeModel, encodeModelAlias } from '../../src/model/model-codec.ts'
import { exampleContent } from './example-model.ts'

function model(version: number, dataset = 'flights'): Uint8Array {
  const content = exampleContent(dataset, version)
  const published: Model = { ...content, version, createdAtMs: version, contentSha256: contentHash(content) }
  return encodeModel(published, 1)
}

const alias = (version: number, highestVersion = version, previousVersion = 0) =>
  encodeModelAlias({ dataset: 'flights', version, highestVersion, previousVersion, changedAtMs: 0 }, 2)

function catalogueOf(...records: readonly (readonly [key: string, value: Uint8Array | null])[]) {
  return records
    .map(([key, value], offset): ModelTopicRecord => ({ offset, key: Buffer.from(key), value }))
    .reduce((before, record) => withRecord(before, record), emptyCatalogue)
}

suite('model catalogue', () => {
  test('the current model is the one that the alias names', () => {
    const catalogue = catalogueOf(['flights/1', model(1)], ['flights/2', model(2)], ['flights/current', alias(1, 2)])
    equal(currentModel(catalogue, 'flights')?.version, 1)
    deepEqual(knownVersions(catalogue, 'flights'), [1, 2])
    deepEqual(catalogue.findings, [])
  })

  test('data sets do not touch each other', () => {
    const catalogue = catalogueOf(['flights/1', model(1)], ['trains/4', model(4, 'trains')])
    equal(nextVersion(catalogue, 'flights'), 2)
    equal(nextVersion(catalogue, 'trains'), 5)
    equal(nextVersion(catalogue, 'ships'), 1)
    equal(currentModel(catalogue, 'flights'), undefined)
  })

  test('a deleted version is given out never again', () => {
    const deleted = catalogueOf(['flights/1', model(1)], ['flights/2', model(2)], ['flights/2', null])
    deepEqual(knownVersions(deleted, 'flights'), [1])
    equal(nextVersion(deleted, 'flights'), 3)
    const compacted = catalogueOf(['flights/1', model(1)], ['flights/current', alias(1, 2)])
    equal(nextVersion(compacted, 'flights'), 3)
  })

  test('a corrupt record is reported, and the last good one of its key stays', () => {
    const catalogue = catalogueOf(
      ['flights/1', model(1)],
      ['flights/current', alias(1)],
      ['flights/1', Buffer.from('nonsense')],
      ['flights/current', model(1)],
      ['flights/2', Buffer.from([0, 0, 0, 0, 1, 9])],
      ['no key', model(1)],
    )
    equal(currentModel(catalogue, 'flights')?.version, 1)
    deepEqual(
      catalogue.findings.map(({ offset, key }) => [offset, key]),
      [
        [2, 'flights/1'],
        [3, 'flights/current'],
        [4, 'flights/2'],
        [5, 'no key'],
      ],
    )
    equal(nextVersion(catalogue, 'flights'), 2)
  })

  test('a corrupt publication leaves the model before it in use, until it or its version is mended', () => {
    const before = [
      ['flights/1', model(1)],
      ['flights/current', alias(1)],
    ] as const
    const corrupt = [
      ['flights/2', Buffer.from('nonsense')],
      ['flights/current', alias(2)],
    ] as const
    const used = (...records: readonly (readonly [string, Uint8Array | null])[]) =>
      currentModel(catalogueOf(...records), 'flights')?.version
    equal(used(...before, ...corrupt), 1)
    equal(used(...before, ...corrupt, ['flights/2', model(2)]), 2)
    equal(used(...before, ...corrupt, ['flights/3', model(3)], ['flights/current', alias(3)]), 3)
    equal(used(...before, ...corrupt, ['flights/1', null]), undefined)
    equal(used(...before, ...corrupt, ['flights/2', null]), undefined)
    // Whoever begins after compaction, when the alias before is gone, uses the same.
    equal(used(before[0], ...corrupt), 1)
  })

  test('the alias says which version was in use before it, whatever others there are', () => {
    const records = [
      ['flights/1', model(1)],
      ['flights/2', model(2)],
      ['flights/3', Buffer.from('nonsense')],
    ] as const
    const used = (...more: readonly (readonly [string, Uint8Array | null])[]) =>
      currentModel(catalogueOf(...records, ...more), 'flights')?.version
    equal(used(['flights/current', alias(3, 3, 1)]), 1)
    equal(used(['flights/current', alias(3)]), 2)
    equal(used(['flights/current', alias(3, 3, 1)], ['flights/1', null]), undefined)
  })

  test('a record that is no model does not use up the versions of a data set', () => {
    const published = [
      ['flights/1', model(1)],
      ['flights/current', alias(1)],
    ] as const
    const next = (...records: readonly (readonly [string, Uint8Array | null])[]) =>
      nextVersion(catalogueOf(...published, ...records), 'flights')
    for (const value of [Buffer.from('nonsense'), Buffer.alloc(0), Buffer.from([0, 0, 0, 0, 1]), model(1), null])
      for (const version of [999_999_999, 2_147_483_647, 2_147_483_648, 99_999_999_999])
        equal(next([`flights/${version}`, value]), 2, `${version}`)
    equal(next(['flights/999999999', model(999_999_999)]), 1_000_000_000)
    throws(() => next(['flights/current', alias(1, 2 ** 31 - 1)]), { code: 'VGM_MODEL_VERSIONS', exitCode: 2 })
  })

  test('any number of records of other programs takes little memory, and is counted', () => {
    let catalogue = catalogueOf(['flights/1', model(1)], ['flights/current', alias(1)])
    const strays = ['user/17', 'flights/77', 'flights/a', '', 'flights/current/']
    for (let offset = 2; offset < 20_002; offset++)
      catalogue = withRecord(catalogue, {
        offset,
        key: offset % 6 === 5 ? null : Buffer.from(strays[offset % 6]),
        value: Buffer.from('{"a": 1}'),
      })
    equal(currentModel(catalogue, 'flights')?.version, 1)
    equal(catalogue.findings.length, 100)
    equal(catalogue.findingCount, 20_000)
    deepEqual([...catalogue.datasets.keys()], ['flights'])
  })

  test('says why there is no current model', () => {
    const why = (...records: readonly (readonly [string, Uint8Array | null])[]) =>
      whyNoCurrent(catalogueOf(...records), 'flights')
    equal(why(), undefined)
    equal(why(['flights/1', model(1)], ['flights/current', alias(1)]), undefined)
    equal(
      why(['flights/1', model(1)], ['flights/current', alias(7)]),
      'the alias names version 7, and it does not exist',
    )
    match(
      why(['flights/1', Buffer.from('x')], ['flights/current', alias(1)]) ?? '',
      /key flights\/1 at offset 0 cannot/,
    )
    match(
      why(['flights/1', model(1)], ['flights/current', Buffer.from('x')]) ?? '',
      /flights\/current at offset 1 cannot/,
    )
  })

  test('without the alias, or the version that it names, there is no current model', () => {
    const published = [
      ['flights/1', model(1)],
      ['flights/current', alias(1)],
    ] as const
    equal(currentModel(catalogueOf(...published, ['flights/current', null]), 'flights'), undefined)
    equal(currentModel(catalogueOf(...published, ['flights/1', null]), 'flights'), undefined)
  })

  test('a model under the key of another is corrupt', () => {
    const catalogue = catalogueOf(['flights/1', model(2)], ['trains/2', model(2)])
    equal(catalogue.findings.length, 2)
    deepEqual(knownVersions(catalogue, 'flights'), [])
  })

  test('compaction at any point changes neither the versions, nor the current one, nor the next', () => {
    const step = fc.record({
      version: fc.integer({ min: 1, max: 6 }),
      kind: fc.constantFrom('publish', 'corrupt', 'delete', 'alias'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let highest = 0
        // A version that is damaged later is the one thing that those who have read it know better.
        const written = new Set<number>()
        const records = steps.map(({ version, kind }): readonly [string, Uint8Array | null] => {
          highest = Math.max(highest, version)
          if (kind === 'alias') return ['flights/current', alias(version, highest)]
          if (kind === 'corrupt' && !written.has(version)) return [`flights/${version}`, Buffer.from('nonsense')]
          written.add(version)
          return [`flights/${version}`, kind === 'publish' ? model(version) : null]
        })
        const lastOf = new Map(records.map(([key], i) => [key, i]))
        const all = catalogueOf(...records)
        const compacted = catalogueOf(...records.filter(([key], i) => lastOf.get(key) === i))
        deepEqual(knownVersions(compacted, 'flights'), knownVersions(all, 'flights'))
        equal(currentModel(compacted, 'flights')?.version, currentModel(all, 'flights')?.version)
        equal(nextVersion(compacted, 'flights'), nextVersion(all, 'flights'))
      }),
      { seed: 5, numRuns: 300 },
    )
  })
})
