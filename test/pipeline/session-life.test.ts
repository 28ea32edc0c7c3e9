import { equal, rejects } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { InterruptedError } from '../../src/errors.ts'
import { call } from '../../src/pipeline/call.ts'
import { optionChecks } from '../../src/pipeline/check-options.ts'
import type { ClusterSession } from '../../src/pipeline/cluster-session.ts'
import { exportTopic, fitDataset, followModels, groupLag, normalizeTopic } from '../../src/pipeline/index.ts'
import { MemberError } from '../../src/pipeline/members/member-threads.ts'
import { withoutBrokers } from './without-brokers.ts'

interface Options {
  readonly onProgress?: ((rows: number) => void) | undefined
}
const checks = optionChecks<Options>('work', {}, { onProgress: { allows: () => true, may: 'a function' } })

/** Work that goes on until its signal fires. */
const untilInterrupted = ({ signal }: ClusterSession) =>
  new Promise<never>((_, reject) => {
    const interrupt = () => reject(new InterruptedError())
    signal.addEventListener('abort', interrupt)
    if (signal.aborted) interrupt()
  })

suite('close of a cluster', () => {
  test('ends what runs, says so, and waits for its end; once or twice', () =>
    withoutBrokers(async (cluster) => {
      let isOver = false
      const running = call(checks, cluster, {}, untilInterrupted).finally(() => {
        isOver = true
      })
      const refused = rejects(running, { name: 'InterruptedError', message: 'The cluster was closed' })
      await Promise.all([cluster.close(), cluster.close()])
      equal(isOver, true)
      await refused
      await cluster.close()
    }))

  test('has every function say that it is closed, at once', () =>
    withoutBrokers(async (cluster) => {
      await cluster.close()
      const closed = { code: 'VGM_USAGE', message: 'The cluster is closed' }
      for (const run of [normalizeTopic, fitDataset, followModels, groupLag])
        await rejects(run(cluster, { dataset: 'd' }), closed)
      await rejects(exportTopic(cluster, { topic: 't', file: 't.csv' }), closed)
    }))

  test('closes what was lent, unless it has been given back', () =>
    withoutBrokers(async (cluster) => {
      const closed: string[] = []
      const lend = (name: string) => cluster.life.lend(async () => void closed.push(name))
      lend('a')
      lend('b')()
      await cluster.close()
      equal(closed.join(), 'a')
    }))
})

suite('a call', () => {
  test('is interrupted at once by a signal that has fired', () =>
    withoutBrokers(async (cluster) => {
      const aborted = { ...cluster, signal: AbortSignal.abort() }
      await rejects(normalizeTopic(aborted, { dataset: 'd' }), InterruptedError)
      await rejects(fitDataset(aborted, { dataset: 'd' }), {
        name: 'InterruptedError',
        fix: /starts from the beginning/,
      })
    }))

  test('ends with what a listener throws, although nobody between them sees it', () =>
    withoutBrokers(async (cluster) => {
      const failure = new RangeError('the bar is full')
      const onProgress = () => {
        throw failure
      }
      const swallowing = async (open: ClusterSession, options: Options) => {
        try {
          options.onProgress?.(1)
        } catch {
          // As an event loop, or a retry.
        }
        return untilInterrupted(open)
      }
      await rejects(call(checks, cluster, { onProgress }, swallowing), failure)
      const atItsEnd = async (_: ClusterSession, options: Options) => options.onProgress?.(1)
      await rejects(call(checks, cluster, { onProgress }, atItsEnd), failure)
      equal(await call(checks, cluster, {}, async () => 3), 3, 'the cluster is of use still')
    }))

  test('does not wait for the promise of a listener', () =>
    withoutBrokers(async (cluster) => {
      const onProgress = () => new Promise<void>(() => undefined) as unknown as undefined
      const work = async (_: ClusterSession, options: Options) => options.onProgress?.(1)
      equal(await call(checks, cluster, { onProgress }, work), undefined)
    }))

  test('says how to go on after an interruption in a thread too, and has other failures as they are', () =>
    withoutBrokers(async (cluster) => {
      const { code, message, fix, exitCode } = new InterruptedError()
      const fromThread = new MemberError({ code, message, fix, exitCode, stack: undefined })
      const fail = (error: unknown) => () => Promise.reject(error)
      const interrupted = { name: 'InterruptedError', fix: /resumes where it stopped/ }
      await rejects(call(checks, cluster, {}, fail(fromThread)), interrupted)
      await rejects(call(checks, cluster, {}, fail(fromThread), 'It begins anew'), { fix: 'It begins anew' })
      const other = new Error('no')
      await rejects(call(checks, cluster, {}, fail(other), 'It begins anew'), other)
    }))
})
