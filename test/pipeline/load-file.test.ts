import { rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { loadFile } from '../../src/pipeline/index.ts'
import { withoutBrokers } from './without-brokers.ts'

suite('loadFile', () => {
  test('refuses one file of bad rows for several files before a broker is asked', () =>
    withoutBrokers(async (cluster) => {
      const options = { dataset: 'd', file: ['a.csv', 'b.csv'], badRows: 'bad.csv' }
      await rejects(loadFile(cluster, options), {
        code: 'VGM_USAGE',
        message: /Bad rows .* are collected from one file/,
      })
    }))
})
