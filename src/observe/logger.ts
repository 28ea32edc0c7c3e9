import { type Logger, pino } from 'pino'
import { printableFields } from './printable-text.ts'
import { makeWayForLine } from './progress.ts'

export type { Logger }

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Fields that identify the process in every line. */
export interface LogOrigin {
  /** drawn for this process: tells its lines from those of the one before in the same pod */
  readonly run?: string
  /** as normalize */
  readonly stage?: string
  readonly dataset?: string
  /** number of a member among those of its process */
  readonly member?: number
}

/** The field that names a data set, unless each line of the log has it: JSON would have it twice. */
export function datasetField(log: Partial<Logger>, dataset: string): { readonly dataset?: string } {
  // A program's own logger need not have it.
  return log.bindings?.().dataset === dataset ? {} : { dataset }
}

/** On a terminal the reader has typed the command: fields that identify the process are omitted. */
const knownOnTerminal = 'pid,hostname,run,stage,dataset'

/** Logs to standard error: lines for a person on a terminal, JSON elsewhere. Standard output belongs to results. */
export function createLogger(level: LogLevel, origin: LogOrigin = {}): Logger {
  const options = { level, base: origin }
  if (!process.stderr.isTTY) return pino(options, pino.destination({ dest: 2, sync: true }))
  return pino({
    ...options,
    // JSON escapes what names of others may do to a terminal; lines for people do not.
    hooks: {
      logMethod(args, method) {
        makeWayForLine()
        method.apply(this, args.map(printableFields) as typeof args)
      },
    },
    transport: {
      target: 'pino-pretty',
      options: {
        destination: 2,
        ignore: knownOnTerminal,
        singleLine: true,
        translateTime: 'SYS:HH:MM:ss',
        sync: true,
      },
    },
  })
}
