import { parentPort, workerData } from 'node:worker_threads'
import { exitCodes, PipelineError } from '../../errors.ts'
import { logEvent } from '../../observe/event-log.ts'
import { createLogger, type LogLevel } from '../../observe/logger.ts'
import { prepareProcess } from '../../observe/prepare-process.ts'
import { type ClusterUse, withClusterAt } from '../cluster-session.ts'
import { type MemberStage, runMember } from './member-task.ts'
import type { MemberAnswer, MemberFailure, MemberRequest } from './member-threads.ts'

// This module is the main program of a member's thread.

prepareProcess()
const { address, waits, logLevel, logOrigin, task } = workerData as MemberRequest<MemberStage>
const say = (answer: MemberAnswer<MemberStage>) => parentPort?.postMessage(answer)
const stop = new AbortController()
parentPort?.once('message', () => stop.abort())

const log = createLogger(logLevel as LogLevel, logOrigin)
const use: ClusterUse = {
  log,
  signal: stop.signal,
  waits,
  report: (event) => {
    logEvent(log, event)
    say({ kind: 'event', event })
  },
  observe: () => undefined,
}

try {
  await withClusterAt(address, use, async (cluster) => {
    const result = await runMember(cluster, task, (progress) => say({ kind: 'progress', progress }))
    say({ kind: 'done', result })
  })
} catch (error) {
  say({ kind: 'failed', error: failureOf(error) })
}
parentPort?.close()

function failureOf(error: unknown): MemberFailure {
  const stack = error instanceof Error ? error.stack : undefined
  if (error instanceof PipelineError) {
    const { code, message, fix, exitCode } = error
    return { code, message, fix, exitCode, stack }
  }
  return {
    code: 'VGM_DEFECT',
    message: `A member has failed: ${String(error)}`,
    fix: 'This is a defect of vgm, please report it',
    exitCode: exitCodes.failed,
    stack,
  }
}
