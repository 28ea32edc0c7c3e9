import { readFileSync } from 'node:fs'
import type { Grant } from './secured-cluster.ts'

const file = new URL('../../docs/security.md', import.meta.url)

/**
 * A table of docs/security.md, one operation each, in its order: "The least rights", those that stages can do without,
 * or those of other commands.
 */
export function documentedRights(
  table: 'rights' | 'optional rights' | 'rights of others' = 'rights',
): readonly Grant[] {
  const text = new RegExp(`<!-- ${table} -->\\n(.*?)<!-- end of ${table} -->`, 's')
  const [, found = ''] = text.exec(readFileSync(file, 'utf8')) ?? []
  const lines = found.trim().split('\n').slice(2)
  return lines.flatMap((line) => {
    const [user, resource, name, operations] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', ''))
    return operations.split(', ').map((operation) => ({ user, resource, name, operation }))
  })
}

/** The rights of all stages for a data set; the users are the stages. */
export function rightsOf(
  dataset: string,
  modelsTopic: string,
  table: Parameters<typeof documentedRights>[0] = 'rights',
): Grant[] {
  return documentedRights(table).map((grant) => ({
    ...grant,
    name: grant.name
      .replace('vgm.models.D', `${modelsTopic}.D`)
      .replace('vgm.models', modelsTopic)
      .replaceAll(/\bD\b/g, dataset),
  }))
}
