import { writeFile } from 'node:fs/promises'
import { modelSvg } from '../drawing/model-svg.ts'
import { FileUnwritableError } from '../files/file-errors.ts'
import { checkTarget } from '../files/target-file.ts'
import type { Model } from '../model/model.ts'

export interface WriteModelSvgOptions {
  readonly file: string
  /** replace a file that exists [false: that is an error] */
  readonly overwrite?: boolean | undefined
}

/**
 * Writes the picture of a model's columns, which `modelSvg` draws, to a file.
 *
 * @throws FileExistsError, FileUnwritableError
 */
export async function writeModelSvg(
  { columns }: Pick<Model, 'columns'>,
  { file, overwrite = false }: WriteModelSvgOptions,
): Promise<void> {
  await checkTarget(file, overwrite)
  await writeFile(file, modelSvg(columns)).catch((cause: Error) => {
    throw new FileUnwritableError(file, cause.message, cause)
  })
}
