import { deepEqual } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { notModelledText } from '../../src/reports/fit-text.ts'

suite('what a fit says of fields that it does not model', () => {
  test('is that they can be named only where a model can hold them', () => {
    const others = [
      'city (string)',
      'day (int (date))',
      'at (long (time-micros))',
      'seen (long (timestamp-millis))',
      'when (long (timestamp-micros))',
      'exact (long (local-timestamp-nanos))',
      'changed (long (io.debezium.time.MicroTimestamp))',
    ]
    deepEqual(notModelledText([], others), [
      'Not modelled, and passed through unchanged:',
      '  city (string): not numbers',
      '  day (int (date)), at (long (time-micros)), seen (long (timestamp-millis)): dates or times; --columns can name them',
      '  when (long (timestamp-micros)), exact (long (local-timestamp-nanos)), ' +
        'changed (long (io.debezium.time.MicroTimestamp)): times too fine for a model (beyond 2^49)',
      '',
    ])
  })
})
