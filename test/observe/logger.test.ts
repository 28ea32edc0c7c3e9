import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createLogger, datasetField } from '../../src/observe/logger.ts'

suite('lines of the log', () => {
  test('name a data set once', () => {
    deepEqual(datasetField(createLogger('warn', { dataset: 'trips' }), 'trips'), {})
    deepEqual(datasetField(createLogger('warn', { dataset: 'trips' }), 'fares'), { dataset: 'fares' })
    deepEqual(datasetField(createLogger('warn'), 'trips'), { dataset: 'trips' })
    deepEqual(datasetField({}, 'trips'), { dataset: 'trips' })
  })
})
