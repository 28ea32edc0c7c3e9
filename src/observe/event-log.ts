import type { StageEvent } from '../ports/stage-event.ts'
import type { Logger } from './logger.ts'
import { secondText } from './report-text.ts'

/**
 * @example
 * refitDueText({ dueMs, onDrift: true }) // 'the next fit is due at 2026-11-30T08:00:00Z, or when a drift lasts'
 */
export function refitDueText({ dueMs, onDrift }: { readonly dueMs: number; readonly onDrift: boolean }): string {
  const isTime = !Number.isNaN(new Date(dueMs).getTime())
  const when = [...(isTime ? [`at ${secondText(dueMs)}`] : []), ...(onDrift ? ['when a drift lasts'] : [])]
  return `the next fit is due ${when.join(', or ') || 'never'}`
}

/**
 * One line for each important event: all texts and fields that a stage logs are here. Events at `info` happen a few
 * times in a stage's life, and events at `warn` need attention; a stage that runs normally logs nothing.
 */
export function logEvent(log: Logger, event: StageEvent): void {
  switch (event.kind) {
    case 'waiting':
      if (event.isNews) log.warn({ cause: event.cause }, 'not ready yet; waiting')
      break
    case 'started':
      log.info({ group: event.group, transactionalId: event.transactionalId }, 'a member starts')
      break
    case 'joining':
      log.info('a member is about to join its group')
      break
    case 'joined':
      log.info({ generation: event.generation, partitions: event.partitions }, 'a member has joined its group')
      break
    case 'model-taken':
      log.info({ model: event.model, before: event.before }, 'a new model is in use')
      break
    case 'ordered':
      // Whoever starts a stage that is paused would wait for it in vain.
      if (event.isPaused) log.warn({ by: event.by }, 'the stage is paused')
      else log.info({ by: event.by, rowsPerSecond: event.rowsPerSecond }, 'the stage goes on')
      break
    case 'committed':
      log.debug(event.totals, 'a slice was committed')
      break
    case 'aborted':
      log.warn({ reason: event.reason, cause: event.cause }, 'a slice was aborted and is repeated')
      break
    case 'dead-letters':
      log.warn({ ...event.first, model: event.model }, 'dead letters of a new kind')
      break
    case 'schema-unusable':
      log.warn(
        { schemaId: event.schemaId, topic: event.topic },
        `rows of this schema become dead letters: ${event.reason}`,
      )
      break
    case 'batch-passed-over':
      log.warn(`a batch is skipped: ${event.reason}`)
      break
    case 'stalled': {
      // Partitions with one cause stand still together: one line names the first.
      const [{ reason, ...first }] = event.partitions
      const others = event.partitions.length - 1
      log.warn({ ...first, others }, `a partition has more rows but returns none: ${reason}`)
      break
    }
    case 'registry':
      log.warn(
        { registry: event.url },
        `the schema registry ${event.isReachable ? 'answers again' : 'does not answer; waiting'}`,
      )
      break
    case 'refit': {
      const { champion, verdict, reason } = event.comparison
      log.info({ version: event.version, champion, verdict }, `a challenger was compared. ${reason}`)
      break
    }
    case 'refit-failed':
      log.error(`nothing could be fitted: ${event.reason}`)
      break
    case 'refit-due':
      log.info(refitDueText(event))
      break
    case 'refit-other-columns':
      log.warn(
        { version: event.version, changes: event.changes },
        'challengers will not be promoted: their columns are not those of the current version',
      )
      break
    case 'refit-waits':
      if (event.isNews) log.warn({ has: event.has, needs: event.needs }, event.cause)
      break
    case 'draining':
      log.info(
        { graceMs: event.graceMs },
        'draining: the open slice is committed; a second signal ends the process at once',
      )
      break
    case 'ended':
      log.info(event.totals, 'a member ends')
      break
    case 'shadow':
      log.debug(event.figures, 'a shadow model has looked at rows')
      break
    case 'brokers-reached':
    case 'state':
      break
  }
}
