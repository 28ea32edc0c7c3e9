import { readFileSync } from 'node:fs'
import type { Grant } from './secured-cluster.ts'

const file = new URL('../../docs/security.md', import.meta.url)

/** The table "The least rights" of docs/security.md, one operation each, in its order. */
export function documentedRights(): readonly Grant[] {
  const [, table] = /<!-- rights -->\n(.*?)<!-- end of rights -->/s.exec(readFileSync(file, 'utf8')) ?? []
  const lines = (table ?? '').trim().split('\n').slice(2)
  return lines.flatMap((line) => {
    const [user, resource, name, operations] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', ''))
    return operations.split(', ').map((operation) => ({ user, resource, name, operation }))
  })
}

/** The rights of all stages for a data set; the users are the stages. */
export function rightsOf(dataset: string, modelsTopic: string): Grant[] {
  return documentedRights().map((grant) => ({
    ...grant,
    name: grant.name
      .replace('vgm.models.D', `${modelsTopic}.D`)
      .replace('vgm.models', modelsTopic)
      .replaceAll(/\bD\b/g, dataset),
  }))
}
