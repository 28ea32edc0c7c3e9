import { writeFile } from 'node:fs/promises'
import { flag, text } from '../config/value-rules.ts'
import { modelSvg } from '../drawing/model-svg.ts'
import { UsageError } from '../errors.ts'
import { FileUnwritableError } from '../files/file-errors.ts'
import { checkTarget } from '../files/target-file.ts'
import type { ColumnModel } from '../mixture/column-model.ts'
import type { Model } from '../model/model.ts'
import { optionChecks } from './check-options.ts'

export interface WriteModelSvgOptions {
  readonly file: string
  /** name of the only column that is drawn [all] */
  readonly column?: string | undefined
  /** replace a file that exists [false: that is an error] */
  readonly overwrite?: boolean | undefined
}

const checks = optionChecks<WriteModelSvgOptions>('writeModelSvg', { file: text }, { column: text, overwrite: flag })

/**
 * Writes the picture of a model's columns, which `modelSvg` draws, to a file.
 *
 * @throws FileExistsError, FileUnwritableError; UsageError if there is no such column
 */
export async function writeModelSvg(model: Pick<Model, 'columns'>, options: WriteModelSvgOptions): Promise<void> {
  checks.check(options)
  const { file, column, overwrite = false } = options
  const columns = column === undefined ? model.columns : [columnNamed(model, column)]
  await checkTarget(file, overwrite)
  await writeFile(file, modelSvg(columns)).catch((cause: Error) => {
    throw new FileUnwritableError(file, cause.message, cause)
  })
}

/** @internal @throws UsageError if there is no such column */
export function columnNamed({ columns }: Pick<Model, 'columns'>, name: string): ColumnModel {
  const found = columns.find((column) => column.name === name)
  if (found !== undefined) return found
  const names = columns.map((column) => column.name)
  throw new UsageError(`The model has no column "${name}"`, `Name one of its columns: ${names.join(', ')}`)
}
