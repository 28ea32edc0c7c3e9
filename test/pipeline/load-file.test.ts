import { rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { exportTopic, loadFile } from '../../src/pipeline/index.ts'
import { temporaryFile } from '../files/temporary-folder.ts'
import { withoutBrokers } from './without-brokers.ts'

suite('loadFile', () => {
  test('refuses one file of bad rows for several files before a broker is asked', () =>
    withoutBrokers(async (cluster) => {
      const options = { dataset: 'd', file: ['a.csv', 'b.csv'], badRows: 'bad.csv' }
      await rejects(loadFile(cluster, options), {
        code: 'VGM_USAGE',
        message: /Bad rows .* are taken from one file/,
      })
    }))

  test('refuses a file of bad rows that would be lost before a broker is asked', (t) =>
    withoutBrokers(async (cluster) => {
      const file = temporaryFile(t, 'rows.csv', 'a\n1\n')
      const other = temporaryFile(t, 'other.csv', 'b\n2\n')
      const refused = (badRows: string, message: RegExp) =>
        rejects(loadFile(cluster, { dataset: 'd', file, badRows }), { code: 'VGM_USAGE', message })
      await refused(file, /is the file .* itself/)
      await refused(other, /does not hold bad rows/)
    }))

  test('exportTopic refuses a file that exists before a broker is asked', (t) =>
    withoutBrokers(async (cluster) => {
      const options = { topic: 'd.raw', file: temporaryFile(t, 'rows.csv', 'a\n1\n') }
      await rejects(exportTopic(cluster, options), { code: 'VGM_FILE_EXISTS' })
    }))
})
