import { deepEqual, rejects } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { TaskThread, type TaskThreadOptions } from '../../src/stages/task-thread.ts'
import { temporaryFolder } from '../files/temporary-folder.ts'

type Test = Parameters<typeof temporaryFolder>[0] & { after(work: () => Promise<void>): void }

function threadOf(t: Test, program: string, options: TaskThreadOptions = {}): TaskThread<unknown, unknown> {
  const main = join(temporaryFolder(t), 'main')
  writeFileSync(`${main}.ts`, `import { parentPort, workerData } from 'node:worker_threads'\n${program}`)
  const thread = new TaskThread<unknown, unknown>(pathToFileURL(main), options)
  t.after(() => thread.end())
  return thread
}

suite('a thread of tasks', () => {
  test('answers one task after the other', async (t) => {
    const program = 'parentPort.on("message", (task) => parentPort.postMessage([workerData, task]))'
    const thread = threadOf(t, program, { workerData: 'w' })
    deepEqual(
      [await thread.run(1), await thread.run(2)],
      [
        ['w', 1],
        ['w', 2],
      ],
    )
  })

  test('a signal ends the wait for an answer, of a task that was given before or after it', async (t) => {
    const stop = new AbortController()
    const thread = threadOf(t, 'parentPort.on("message", () => { for (;;); })', { signal: stop.signal })
    const answer = thread.run(1)
    stop.abort()
    await rejects(answer, { code: 'VGM_INTERRUPTED' })
    await rejects(thread.run(2), { code: 'VGM_INTERRUPTED' })
  })

  test('what is thrown in the thread is told, also if it had no task then', async (t) => {
    const busy = threadOf(t, 'parentPort.on("message", () => { throw new Error("no such column") })')
    await rejects(busy.run(1), /no such column/)
    await rejects(busy.run(2), /no such column/)
    const idle = threadOf(t, 'throw new Error("no such program")')
    await sleep(200)
    await rejects(idle.run(1), /no such program/)
  })
})
