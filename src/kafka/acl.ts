/** Operations that a Kafka access control list can allow. */
export type Operation =
  | 'Read'
  | 'Write'
  | 'Create'
  | 'Delete'
  | 'Alter'
  | 'Describe'
  | 'DescribeConfigs'
  | 'AlterConfigs'

/** A permission that a request needs. If a request needs several, its response says which one is missing. */
export interface Permission {
  readonly operation: Operation
  readonly resource: 'topic' | 'group' | 'transactional id'
  /** a star at its end makes it a prefix */
  readonly name: string
}

export const onTopic = (operation: Operation, name: string): Permission => ({ operation, resource: 'topic', name })
export const onGroup = (operation: Operation, name: string): Permission => ({ operation, resource: 'group', name })
export const onTransactions = (operation: Operation, name: string): Permission => ({
  operation,
  resource: 'transactional id',
  name,
})

/** Bits of the "authorized operations" in answers, KIP-430; numbers of Kafka's AclOperation. */
const operationBits = {
  Read: 3,
  Write: 4,
  Describe: 8,
  DescribeConfigs: 10,
} as const satisfies Partial<Record<Operation, number>>
/** Value of the operations field in a response without operations. */
const operationsUnknown = -(2 ** 31)

/** What an answer says that this user may do; undefined if it does not say. */
export function operationsOf(bits: number): ReadonlySet<Operation> | undefined {
  if (bits === operationsUnknown) return undefined
  const all = Object.entries(operationBits) as [Operation, number][]
  return new Set(all.filter(([, bit]) => (bits & (1 << bit)) !== 0).map(([name]) => name))
}

const resources: Readonly<Record<string, Permission['resource']>> = {
  TOPIC_AUTHORIZATION_FAILED: 'topic',
  GROUP_AUTHORIZATION_FAILED: 'group',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'transactional id',
}

/** As kafka-acls.sh takes them. */
const flags: Readonly<Record<Permission['resource'], string>> = {
  topic: '--topic',
  group: '--group',
  'transactional id': '--transactional-id',
}

/**
 * The fix for a response that reports a missing permission; undefined for other errors, and if the permission is
 * unknown.
 *
 * @param denied the topic that the response names, if the request was for several
 */
export function missingPermission(
  errorName: string,
  permissions: readonly Permission[],
  denied?: string,
): string | undefined {
  const resource = resources[errorName]
  const possible = permissions.filter((right) => right.resource === resource)
  const missing = possible.find(({ name }) => name === denied) ?? possible[0]
  if (missing === undefined) return undefined
  const { operation, name } = missing
  const names = name.endsWith('*') ? `${name.slice(0, -1)} --resource-pattern-type prefixed` : name
  const included = operation === 'Describe' ? ' (Read and Write include it)' : ''
  return (
    `Grant this user ${operation} on ${resource} "${name}"${included}, ` +
    `as with: kafka-acls.sh --add --allow-principal User:... --operation ${operation} ${flags[resource]} ${names}`
  )
}

/** The topic for which a response reports a missing permission, at any place in the response. */
export function deniedTopic(answer: unknown, topic?: string): string | undefined {
  if (answer === null || typeof answer !== 'object') return undefined
  const { name = topic, errorCode } = answer as { name?: string; errorCode?: number }
  if (errorCode === topicAuthorizationFailed) return name
  for (const part of Object.values(answer)) {
    const found = deniedTopic(part, name)
    if (found !== undefined) return found
  }
  return undefined
}

const topicAuthorizationFailed = 29
