import { availableParallelism } from 'node:os'
import { count, flag, instanceOf, listener, naturalNumber, oneOf, seed, text } from '../config/value-rules.ts'
import { refuseOtherEnding, type TableFormat, tableFormatOf, tableFormats } from '../files/file-format.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { checkRowSpec, type RowSpec } from '../stages/synthetic/row-spec.ts'
import { optionChecks } from './check-options.ts'
import { noProgress, type OnProgress } from './progress.ts'

export interface GenerateFileOptions {
  readonly file: string
  /** replace a file that exists [false: that is an error] */
  readonly overwrite?: boolean | undefined
  /** [what the file's ending says] */
  readonly format?: TableFormat | undefined
  readonly spec: RowSpec
  readonly rows: number
  /** the same seed gives the same rows [0] */
  readonly seed?: number | undefined
  /** threads that write; the file is the same for any number of them [one a core] */
  readonly workers?: number | undefined
  /** ends the work: it throws an InterruptedError, and nothing of the file remains [never] */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

const checks = optionChecks<GenerateFileOptions>(
  'generateFile',
  { file: text, spec: { allows: Array.isArray, may: 'the result of parseRowSpec' }, rows: naturalNumber },
  {
    overwrite: flag,
    format: oneOf(tableFormats),
    seed,
    workers: count,
    signal: instanceOf(AbortSignal, 'an AbortSignal'),
    onProgress: listener<OnProgress>(),
  },
)

/**
 * Writes synthetic rows to a CSV or Parquet file. It needs no cluster.
 *
 * @example
 * await generateFile({ file: 'pay.parquet', spec: parseRowSpec('amount:double=lognormal(3,1)'), rows: 1e6 })
 *
 * @throws FileExistsError, FileUnwritableError; UsageError for a file whose ending says no format; InterruptedError
 */
export async function generateFile(options: GenerateFileOptions): Promise<StageReport> {
  checks.check(options)
  checkRowSpec(options.spec)
  const { file, spec, rows, seed = 0, workers = availableParallelism(), overwrite = false } = options
  const { format = tableFormatOf(file), signal = new AbortController().signal, onProgress = noProgress } = options
  refuseOtherEnding(file, format)
  const { generateFile: generate } = await import('../stages/generate-file.ts')
  return generate({ file, overwrite, format, spec, rows, seed, workers, signal, onProgress })
}
