import { equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { exitCodes, InterruptedError, UsageError } from '../../src/errors.ts'
import { MemberError } from '../../src/pipeline/members/member-threads.ts'
import { withRestartHint } from '../../src/pipeline/restart-hint.ts'

suite('a command that keeps no position', () => {
  test('does not promise to go on when it is interrupted, in this thread or in another one', async () => {
    const { code, message, fix, exitCode } = new InterruptedError()
    const fromThread = new MemberError({ code, message, fix, exitCode, stack: undefined })
    for (const error of [new InterruptedError(), fromThread])
      await rejects(withRestartHint(Promise.reject(error)), {
        code: 'VGM_INTERRUPTED',
        exitCode: exitCodes.interrupted,
        fix: /starts from the beginning/,
      })
  })

  test('has its result, and other failures as they are', async () => {
    equal(await withRestartHint(Promise.resolve(3)), 3)
    const failure = new UsageError('no', 'yes')
    await rejects(withRestartHint(Promise.reject(failure)), failure)
  })
})
