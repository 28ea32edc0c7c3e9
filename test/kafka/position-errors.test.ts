import { equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { PositionLostError } from '../../src/kafka/position-errors.ts'

const lost = (partition: number, start: number) => ({ topic: 't', partition, offset: 2, start, end: 5 })

suite('a position that the log does not have', () => {
  test('the command names the partitions whose rows were deleted, and no other ones', () => {
    const group = { brokers: ['b:1', 'c:2'], group: 'g' }
    const error = new PositionLostError([lost(1, 4), lost(3, 4), lost(5, 0)], group)
    equal(
      error.message,
      'Offset 2 of t/1 is no longer in the log, which holds 4 to 5; nor are the positions in partitions 3 (2)',
    )
    match(
      error.fix ?? '',
      /"kafka-consumer-groups\.sh --bootstrap-server b:1,c:2 --group g --topic t:1,3 --reset-offsets --to-earliest --execute"/,
    )
    match(new PositionLostError([lost(1, 4)], undefined).fix ?? '', /raise the retention, and start again$/)
  })
})
