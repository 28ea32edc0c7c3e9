import { type Command, InvalidArgumentError, Option } from 'commander'
import { valueParser } from '../config/value-parsers.ts'
import { parseEndpoint } from '../observe/http-endpoint.ts'
import { stageGraceMs } from '../observe/interruption.ts'

const longestGraceMs = 3_600_000

/** Flags of the stages that run for long. */
export interface StageFlags {
  /** an address that `parseEndpoint` takes */
  readonly http?: string
  readonly graceMs: number
  readonly traces?: boolean
}

export function withStageOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--http <[host:]port>',
        'serve /metrics, /livez and /readyz there; on 127.0.0.1 unless a host is given',
      ).argParser(parseHttp),
    )
    .addOption(
      new Option('--grace-ms <ms>', 'what an end after SIGTERM or SIGINT may take; a second signal ends at once')
        .argParser(parseGrace)
        .default(stageGraceMs),
    )
    .option('--traces', 'a span for each transaction, to the OpenTelemetry SDK that NODE_OPTIONS brings')
}

/** As it was written: what shows the flags of a process shows this one as it was given. */
function parseHttp(text: string): string {
  if (parseEndpoint(text) !== undefined) return text
  throw new InvalidArgumentError('Write a port, or host:port, as 9464 or 0.0.0.0:9464.')
}

const parseGrace = valueParser({ type: 'integer', minimum: 0, maximum: longestGraceMs }, (text) => {
  const ms = Number(text)
  if (/^\d+$/.test(text.trim()) && ms <= longestGraceMs) return ms
  throw new InvalidArgumentError('Write milliseconds, from 0 to 3600000.')
})
