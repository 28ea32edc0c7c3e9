import { writeFile } from 'node:fs/promises'
import { flag, text } from '../config/value-rules.ts'
import { modelSvg } from '../drawing/model-svg.ts'
import { FileUnwritableError } from '../files/file-errors.ts'
import { checkTarget } from '../files/target-file.ts'
import type { Model } from '../model/model.ts'
import { optionChecks } from './check-options.ts'

export interface WriteModelSvgOptions {
  readonly file: string
  /** replace a file that exists [false: that is an error] */
  readonly overwrite?: boolean | undefined
}

const checks = optionChecks<WriteModelSvgOptions>('writeModelSvg', { file: text }, { overwrite: flag })

/**
 * Writes the picture of a model's columns, which `modelSvg` draws, to a file.
 *
 * @throws FileExistsError, FileUnwritableError
 */
export async function writeModelSvg({ columns }: Pick<Model, 'columns'>, options: WriteModelSvgOptions): Promise<void> {
  checks.check(options)
  const { file, overwrite = false } = options
  await checkTarget(file, overwrite)
  await writeFile(file, modelSvg(columns)).catch((cause: Error) => {
    throw new FileUnwritableError(file, cause.message, cause)
  })
}
