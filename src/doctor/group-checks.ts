import type { Facts, GroupPositions } from './facts.ts'
import { type Check, count, error, type Finding, ok, orOk, warning } from './finding.ts'
import { ofDataset } from './unreachable.ts'

export const groupChecks: readonly Check[] = [
  {
    name: 'positions',
    about:
      'the groups of normalize and restore have a coordinator, stand within what their topics hold, and ' +
      'can go on from there; the positions topic holds nothing else',
    run: (facts) =>
      ofGroups(facts, ({ stage, group, topic, partitions = [], startRefusal }) => {
        const lost = partitions.filter(({ committed = Infinity, low }) => committed < low)
        const beyond = partitions.filter(({ committed = 0, high }) => committed > high)
        const findings: Finding[] = []
        const rows = lost.reduce((sum, { committed = 0, low }) => sum + low - committed, 0)
        const named = (some: typeof partitions) => some.map(({ partition }) => partition).join(', ')
        if (lost.length > 0)
          findings.push(
            error(
              `${group} has not read ${count(rows, 'row')} of ${topic} that retention has removed, in ` +
                `partition ${named(lost)}`,
              'a position that the topic still holds',
              `Stop ${stage}; ${resetTo(facts, group, topic, 'earliest')}`,
            ),
          )
        if (beyond.length > 0)
          findings.push(
            error(
              `${group} stands beyond the end of ${topic} in partition ${named(beyond)}: was it made anew, or cut off?`,
              'a position that the topic holds',
              `Stop ${stage}. If the topic was made anew: ${resetTo(facts, group, topic, 'earliest')}. ` +
                'If it was cut off, go on where ' +
                'it was cut, with --to-offset: from the start the rows that are left would come a second time',
            ),
          )
        if (startRefusal !== undefined)
          findings.push(
            error(`the next start of ${stage} is refused: ${startRefusal.problem}`, 'a start', startRefusal.fix),
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
          if (partitions.some(({ committed = 0, high }) => committed > high))
            return ok(`${stage} stands beyond the end; ${running}`)
          return ok(`${stage} is ${behind === 0 ? 'at the end' : `${count(behind, 'offset')} behind`}; ${running}`)
        })
      }),
  },
]

function ofGroups(facts: Facts, check: (group: GroupPositions) => readonly Finding[]): ReturnType<Check['run']> {
  return ofDataset(facts, ({ groups, positionsTopic, strayPositions }, { groups: described }) => {
    const { count: strays, offset } = strayPositions
    const stray =
      strays === 0
        ? []
        : [
            warning(
              `${positionsTopic} holds ${count(strays, 'record')} that are no positions, the first at offset ${offset}`,
              'positions of groups only: others are passed over',
              'Let no other program write there. A null under its key removes a record',
            ),
          ]
    const lost = described.flatMap(({ refusal }) =>
      refusal === undefined || refusal.errorName === 'GROUP_AUTHORIZATION_FAILED'
        ? []
        : [error(refusal.problem, 'a coordinator that answers', refusal.fix)],
    )
    const known = groups.filter(({ partitions }) => partitions !== undefined)
    if (lost.length + stray.length === 0 && known.length === 0)
      return { because: 'the topics that groups read are not there, or may not be read' }
    return orOk([...lost, ...stray, ...known.flatMap(check)], 'within what the topics hold')
  })
}

function resetTo({ given }: Facts, group: string, topic: string, where: string): string {
  const brokers = given.map(({ address }) => address).join(',')
  return (
    `kafka-consumer-groups.sh --bootstrap-server ${brokers} --group ${group} --topic ${topic} ` +
    `--reset-offsets --to-${where} --execute`
  )
}
