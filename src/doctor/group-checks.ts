import { counted } from '../observe/report-text.ts'
import { groupsCommand, resetTo } from '../ports/groups-tool.ts'
import type { Facts, GroupPositions } from './facts.ts'
import { type Check, error, type Finding, ok, orOk, warning } from './finding.ts'
import { ofDataset } from './unreachable.ts'

export const groupChecks: readonly Check[] = [
  {
    name: 'positions',
    about:
      'normalize and restore have a coordinator and positions that they can resume at; the positions ' +
      'topic has nothing else',
    run: (facts) =>
      ofGroups(facts, ({ stage, group, topic, partitions = [], startRefusal }) => {
        const lost = partitions.filter(({ committed = Infinity, low }) => committed < low)
        const beyond = partitions.filter(({ committed = 0, high }) => committed > high)
        const findings: Finding[] = []
        const rows = lost.reduce((sum, { committed = 0, low }) => sum + low - committed, 0)
        const numbers = (some: typeof partitions) => some.map(({ partition }) => partition)
        const named = (some: typeof partitions) => numbers(some).join(', ')
        const toStart = (some: typeof partitions) => {
          const address = { brokers: facts.given.map(({ address }) => address), group }
          return groupsCommand(address, topic, numbers(some), resetTo('earliest'))
        }
        if (lost.length > 0)
          findings.push(
            error(
              `retention has removed ${counted(rows, 'row')} of ${topic} that ${group} has not read, in ` +
                `partition ${named(lost)}`,
              'a position inside the log',
              `Stop ${stage}; ${toStart(lost)}`,
            ),
          )
        if (beyond.length > 0)
          findings.push(
            error(
              `the position of ${group} is beyond the end of ${topic} in partition ${named(beyond)}: ` +
                'the topic was recreated or truncated',
              'a position inside the log',
              `Stop ${stage}. If the topic was recreated: ${toStart(beyond)}, and name each other partition too ` +
                'in which the group still has a position of the older topic. If it was truncated, use ' +
                '--to-offset with the place of the truncation: from the start, the remaining rows would ' +
                'be written a second time',
            ),
          )
        if (startRefusal !== undefined)
          findings.push(
            error(
              `the next start of ${stage} would be refused: ${startRefusal.problem}`,
              'a start without an error',
              startRefusal.fix,
            ),
          )
        return findings
      }),
  },
  {
    name: 'lag',
    about: 'how far normalize and restore are behind the ends of their topics',
    run: (facts) =>
      ofDataset(facts, ({ groups }, { groups: described }) => {
        const known = groups.filter(({ partitions }) => partitions !== undefined)
        if (known.length === 0)
          return { because: 'the input topics of the groups do not exist, or this user may not read them' }
        return known.map(({ stage, group, partitions = [] }) => {
          const members = described.find((each) => each.group === group)?.members ?? 0
          const running =
            members === 0 ? 'no member runs' : `${counted(members, 'member')} ${members === 1 ? 'runs' : 'run'}`
          if (partitions.every(({ committed }) => committed === undefined))
            return ok(`${stage} has committed nothing yet; ${running}`)
          // Offsets: markers of transactions count.
          const behind = partitions.reduce(
            (sum, { committed, low, high }) => sum + Math.max(0, high - Math.max(committed ?? low, low)),
            0,
          )
          if (partitions.some(({ committed = 0, high }) => committed > high))
            return ok(`the position of ${stage} is beyond the end of its topic; ${running}`)
          return ok(`${stage} is ${behind === 0 ? 'at the end' : `${counted(behind, 'offset')} behind`}; ${running}`)
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
              `${positionsTopic} has ${counted(strays, 'record')} that are not positions, ` +
                `the first at offset ${offset}`,
              'only positions of groups: other records are skipped',
              'Stop other programs from writing there. A null value under its key removes a record',
            ),
          ]
    const lost = described.flatMap(({ refusal }) =>
      refusal === undefined || refusal.errorName === 'GROUP_AUTHORIZATION_FAILED'
        ? []
        : [error(refusal.problem, 'a coordinator that answers', refusal.fix)],
    )
    const known = groups.filter(({ partitions }) => partitions !== undefined)
    if (lost.length + stray.length === 0 && known.length === 0)
      return { because: 'the input topics of the groups do not exist, or this user may not read them' }
    return orOk([...lost, ...stray, ...known.flatMap(check)], 'all positions are inside their topics')
  })
}
