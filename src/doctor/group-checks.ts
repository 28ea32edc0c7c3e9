import type { Facts, GroupPositions } from './facts.ts'
import { type Check, count, error, type Finding, ok, orOk } from './finding.ts'
import { ofDataset } from './unreachable.ts'

export const groupChecks: readonly Check[] = [
  {
    name: 'positions',
    about: 'the groups of normalize and restore have a coordinator, and stand within what their topics hold',
    run: (facts) =>
      ofGroups(facts, ({ stage, group, topic, partitions = [] }) => {
        const lost = partitions.filter(({ committed = Infinity, low }) => committed < low)
        const beyond = partitions.filter(({ committed = 0, high }) => committed > high)
        const findings: Finding[] = []
        const rows = lost.reduce((sum, { committed = 0, low }) => sum + low - committed, 0)
        const named = (some: typeof partitions) => some.map(({ partition }) => partition).join(', ')
        if (lost.length > 0)
          findings.push(
            error(
              `${group} has not read ${count(rows, 'row')} of ${topic} that retention has removed, in partition ${named(lost)}`,
              'a position that the topic still holds',
              `Stop ${stage}; ${resetTo(facts, group, topic, 'earliest')}`,
            ),
          )
        if (beyond.length > 0)
          findings.push(
            error(
              `${group} stands behind the end of ${topic} in partition ${named(beyond)}: was it made anew?`,
              'a position that the topic holds',
              `Stop ${stage}; ${resetTo(facts, group, topic, 'earliest')}`,
            ),
          )
        return findings
      }),
  },
  {
    name: 'lag',
    about: 'how far normalize and restore are behind',
    run: (facts) =>
      ofDataset(facts, ({ groups }, { groups: described }) => {
        const known = groups.filter(({ partitions }) => partitions !== undefined)
        if (known.length === 0) return { because: 'the topics that groups read are not there, or may not be read' }
        return known.map(({ stage, group, partitions = [] }) => {
          const members = described.find((each) => each.group === group)?.members ?? 0
          const running =
            members === 0 ? 'no member runs' : `${count(members, 'member')} ${members === 1 ? 'runs' : 'run'}`
          if (partitions.every(({ committed }) => committed === undefined))
            return ok(`${stage} has committed nothing yet; ${running}`)
          // Offsets: markers of transactions count.
          const behind = partitions.reduce(
            (sum, { committed, low, high }) => sum + Math.max(0, high - Math.max(committed ?? low, low)),
            0,
          )
          return ok(`${stage} is ${behind === 0 ? 'at the end' : `${count(behind, 'offset')} behind`}; ${running}`)
        })
      }),
  },
]

function ofGroups(facts: Facts, check: (group: GroupPositions) => readonly Finding[]): ReturnType<Check['run']> {
  return ofDataset(facts, ({ groups }, { groups: described }) => {
    const lost = described.flatMap(({ refusal }) =>
      refusal === undefined || refusal.errorName === 'GROUP_AUTHORIZATION_FAILED'
        ? []
        : [error(refusal.problem, 'a coordinator that answers', refusal.fix)],
    )
    const known = groups.filter(({ partitions }) => partitions !== undefined)
    if (lost.length === 0 && known.length === 0)
      return { because: 'the topics that groups read are not there, or may not be read' }
    return orOk([...lost, ...known.flatMap(check)], 'within what the topics hold')
  })
}

function resetTo({ given }: Facts, group: string, topic: string, where: string): string {
  const brokers = given.map(({ address }) => address).join(',')
  return `kafka-consumer-groups.sh --bootstrap-server ${brokers} --group ${group} --topic ${topic} --reset-offsets --to-${where} --execute`
}
