import { type Logger, pino } from 'pino'
import { printableFields } from './printable-text.ts'

export type { Logger }

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

/** Logs to standard error: lines for a person on a terminal, JSON elsewhere. Standard output belongs to results. */
export function createLogger(level: LogLevel): Logger {
  const options = { level, base: null }
  if (!process.stderr.isTTY) return pino(options, pino.destination({ dest: 2, sync: true }))
  return pino({
    ...options,
    // JSON escapes what names of others may do to a terminal; lines for people do not.
    hooks: {
      logMethod(args, method) {
        method.apply(this, args.map(printableFields) as typeof args)
      },
    },
    transport: { target: 'pino-pretty', options: { destination: 2, ignore: 'pid,hostname', sync: true } },
  })
}
