import { readFileSync } from 'node:fs'

/** JSON text of the schemas that records of the models topic are written with. */
export const modelSchema = readFileSync(new URL('../../schemas/model.avsc', import.meta.url), 'utf8')
export const modelAliasSchema = readFileSync(new URL('../../schemas/model-alias.avsc', import.meta.url), 'utf8')

/** Registry subjects of a topic that holds records of several types (TopicRecordNameStrategy). */
export function modelSubjects(topic: string): { readonly model: string; readonly alias: string } {
  return { model: `${topic}-io.vgmstream.Model`, alias: `${topic}-io.vgmstream.ModelAlias` }
}

/** Registry ids of the two schemas. */
export interface ModelSchemaIds {
  readonly model: number
  readonly alias: number
}
