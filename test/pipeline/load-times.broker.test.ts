import { deepEqual, equal, match } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { PipelineError } from '../../src/errors.ts'
import type { RowTimes } from '../../src/files/reading/row-times.ts'
import { type LoadFileOptions, loadFile } from '../../src/pipeline/load-file.ts'
import { type LoadedFile, verifyDataset } from '../../src/pipeline/verify-dataset.ts'
import { temporaryFolder } from '../commands/run-command.ts'
import { TestPipeline } from './test-pipeline.ts'

const start = Date.UTC(2026, 10, 1)
const hour = 3_600_000
const times = Array.from({ length: 40 }, (_, i) => start + Math.floor(i / 3) * hour)

async function openShop(t: { after(work: () => unknown): void }, lines: readonly string[]) {
  const pipeline = await TestPipeline.open(t as Parameters<typeof TestPipeline.open>[0])
  const { cluster, dataset } = pipeline
  const folder = temporaryFolder(t as Parameters<typeof temporaryFolder>[0])
  const write = (name: string, lines: readonly string[]) => {
    const file = join(folder, name)
    writeFileSync(file, `${lines.join('\n')}\n`)
    return file
  }
  const shop = write('shop.csv', lines)
  /** What the command would say. */
  const load = async (options: Partial<LoadFileOptions>) => {
    let found: RowTimes | undefined
    const onTimes = (times: RowTimes) => {
      found = times
    }
    try {
      await loadFile(cluster, { dataset, file: shop, partitions: 1, onTimes, ...options })
      return { code: 0, err: '', found }
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error
      return { code: error.exitCode, err: `${error.message}. ${error.fix}`, found }
    }
  }
  const loaded = async () => (await pipeline.broker.rows(pipeline.topics.raw)).map(({ timestampMs }) => timestampMs)
  const verified = async (options: Partial<LoadedFile>) =>
    (await verifyDataset(cluster, { dataset, loaded: { file: shop, ...options } })).file
  return { pipeline, load, loaded, verified, write }
}

const right = { rows: 40, lost: 0, doubled: 0, reordered: 0, wrong: 0, examples: [] }

suite('times of loaded rows', () => {
  for (const [what, cell, text] of [
    ['seconds', (ms: number) => ms / 1_000, {}],
    ['seconds with decimals', (ms: number) => (ms / 1_000).toFixed(3), {}],
    ['milliseconds', (ms: number) => ms, {}],
    ['microseconds', (ms: number) => `${ms}000`, {}],
    ['nanoseconds', (ms: number) => `${ms}000000`, {}],
    ['ISO 8601', (ms: number) => new Date(ms).toISOString(), {}],
    ['a date format', (ms: number) => europeanTime(ms), { dateFormat: '%d.%m.%Y %H:%M' }],
    ['texts of several kinds', (ms: number, i: number) => mixedTime(ms, i), {}],
  ] as const)
    test(`takes ${what}, and verify agrees`, async (t) => {
      const lines = ['id,at', ...times.map((ms, i) => `${i},${cell(ms, i)}`)]
      const { load, loaded, verified } = await openShop(t, lines)
      const { code, err, found } = await load({ timestamp: 'at', text })
      equal(code, 0, err)
      deepEqual([found?.fromMs, found?.toMs, found?.withoutTime], [start, times.at(-1), 0])
      deepEqual(await loaded(), times)
      deepEqual(await verified({ timestamp: 'at', text }), right)
    })

  test('takes dates; several loads of one day are told apart', async (t) => {
    const lines = (from: number) => ['id,day', ...times.map((_, i) => `${from + i},2026-11-0${1 + (i % 2)}`)]
    const { load, loaded, verified, write } = await openShop(t, lines(0))
    equal((await load({ timestamp: 'day' })).code, 0)
    equal((await load({ file: write('more.csv', lines(1_000)), timestamp: 'day' })).code, 0)
    deepEqual(
      await loaded(),
      [...times, ...times].map((_, i) => start + ((i % 40) % 2) * 24 * hour),
    )
    deepEqual(await verified({ timestamp: 'day' }), right)
  })

  test('rows without a time are refused, unless they are given one', async (t) => {
    const lines = ['id,at', ...times.map((ms, i) => `${i},${i % 10 === 3 ? '' : ms}`)]
    const { load, loaded } = await openShop(t, lines)
    const refused = await load({ timestamp: 'at' })
    equal(refused.code, 2)
    match(refused.err, /4 of the 40 rows of .*shop\.csv have no time in column "at"\. .*--default-timestamp/)
    const { code, err, found } = await load({ timestamp: 'at', defaultTimestamp: '2020-05-05' })
    equal(code, 0, err)
    equal(found?.withoutTime, 4)
    deepEqual(
      await loaded(),
      times.map((ms, i) => (i % 10 === 3 ? Date.UTC(2020, 4, 5) : ms)),
    )
  })

  test('refuses what is no time, with what helps', async (t) => {
    const { load } = await openShop(t, ['id,day,word,yes', '1,20261123,soon,true', '2,20261124,later,false'])
    for (const [column, message] of [
      ['day', /up to 20261124, are no times since 1970\. .*--date-format %Y%m%d/],
      ['word', /"soon" and 1 more values are no times/],
      ['yes', /it is BOOLEAN, which is no time/],
      ['nothing', /there is no such column that could be the time/],
    ] as const) {
      const { code, err } = await load({ timestamp: column })
      equal(code, 2)
      match(err, message)
    }
    match((await load({ defaultTimestamp: 'now' })).err, /no column of times is named/)
  })

  test('is refused where a broker would replace the times, or delete the rows', async (t) => {
    const { load, pipeline } = await openShop(t, ['id,at', '1,2001-01-02', '2,2001-01-03'])
    const { admin } = pipeline.cluster
    const { raw } = pipeline.topics
    await admin.topics.ensureRowTopic({ topic: raw, partitions: 1 })
    await admin.topics.alter(raw, { 'message.timestamp.type': 'LogAppendTime' })
    match((await load({ timestamp: 'at' })).err, /LogAppendTime: its broker would replace the times/)
    await admin.topics.alter(raw, { 'message.timestamp.type': 'CreateTime', 'retention.ms': '604800000' })
    match((await load({ timestamp: 'at' })).err, /rows from 2001-01-02.*delete them within minutes.*retention\.ms=-1/)
    await admin.topics.delete([raw])
    equal((await load({ timestamp: 'at' })).code, 0)
    const kept = (await admin.topics.config(raw)).get('retention.ms')
    equal(kept, '-1')
  })

  test('another column of times is another load', async (t) => {
    const { load } = await openShop(t, ['id,at,then', '1,2026-11-23,2026-11-24', '2,2026-11-25,2026-11-26'])
    equal((await load({ timestamp: 'at' })).code, 0)
    const { code, err } = await load({ timestamp: 'then' })
    equal(code, 2)
    match(err, /other options for reading it, another key or other times/)
  })
})

function europeanTime(ms: number): string {
  const [year, month, day, clock] = new Date(ms).toISOString().split(/[-T]/)
  return `${day}.${month}.${year} ${clock.slice(0, 5)}`
}

function mixedTime(ms: number, i: number): string {
  const iso = new Date(ms).toISOString()
  return [iso, iso.replace('Z', '+00:00'), iso.slice(0, 19).replace('T', ' ')][i % 3]
}
