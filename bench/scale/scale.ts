/**
 * What a row costs as rows, partitions, columns, modes, members and brokers grow: each by itself, medians of the
 * rounds.
 *
 *     npm run bench:scale                                        # half an hour
 *     npm run bench:scale -- --axes members --rounds 1 --values 1e6
 *
 * A round goes through all points, so that what slows the machine down slows each.
 */

import { parseArgs } from 'node:util'
import { clusterAddress } from '../../src/config/cluster-address.ts'
import { parseCount } from '../../src/config/value-parsers.ts'
import { InterruptedError, UsageError } from '../../src/errors.ts'
import { interruption } from '../../src/observe/interruption.ts'
import { createLogger } from '../../src/observe/logger.ts'
import { formatSpeed } from '../../src/observe/report-text.ts'
import { plainUse, withClusterAt } from '../../src/pipeline/cluster-session.ts'
import { FaultCluster } from '../../test/faults/fault-cluster.ts'
import { runMain } from '../run-main.ts'
import { measurePoint, type PointFigures } from './measure-point.ts'
import { medianFigures, scaleText } from './scale-report.ts'
import { type AxisName, axisNames, defaultValues, type Point, pointsOf } from './setups.ts'

const { values: flags } = parseArgs({
  options: {
    axes: { type: 'string', default: axisNames.join(',') },
    rounds: { type: 'string', default: '3' },
    values: { type: 'string', default: String(defaultValues) },
    json: { type: 'boolean', default: false },
  },
})

const say = (line: string) => process.stderr.write(`${line}\n`)

await runMain(main)

async function main(): Promise<void> {
  const points = pointsOf(parseAxes(flags.axes), parseCount(flags.values))
  const rounds = parseCount(flags.rounds)
  const signal = interruption(60_000)
  const taken = new Map<Point, PointFigures[]>(points.map((point) => [point, []]))
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`)
    for (const brokers of [1, 3] as const) {
      const some = points.filter((point) => point.brokers === brokers)
      if (some.length > 0) await measureAll(brokers, some, taken, signal)
    }
  }
  const measured = [...taken].map(([point, rounds]) => ({ ...point, ...medianFigures(rounds) }))
  process.stdout.write(`${flags.json ? JSON.stringify(measured) : scaleText(measured)}\n`)
}

/** A round's points of one size of cluster, which is new. */
async function measureAll(
  brokers: 1 | 3,
  points: readonly Point[],
  taken: ReadonlyMap<Point, PointFigures[]>,
  signal: AbortSignal,
): Promise<void> {
  const cluster = await FaultCluster.start(brokers, [])
  try {
    const address = await clusterAddress({ brokers: cluster.brokers, registry: cluster.registry })
    await withClusterAt(address, plainUse(createLogger('warn'), signal), async ({ admin }) => {
      const at = {
        brokers: cluster.brokers,
        registry: cluster.registry,
        brokerPid: brokers === 1 ? cluster.node(1).process.pid : undefined,
        deleteTopics: (topics: readonly string[]) => admin.topics.delete(topics),
      }
      for (const [number, point] of points.entries()) {
        if (signal.aborted) throw new InterruptedError()
        const figures = await measurePoint(at, point, `scale-${number}`, signal)
        taken.get(point)?.push(figures)
        say(`${`${point.axis} ${point[point.axis].toLocaleString('en')}`.padEnd(18)} ${formatSpeed(figures.normalize)}`)
      }
    })
  } finally {
    await cluster.stop()
  }
}

function parseAxes(text: string): Set<AxisName> {
  const axes = text.split(',').map((name) => {
    const axis = axisNames.find((candidate) => candidate === name)
    if (axis === undefined) throw new UsageError(`"${name}" is no axis`, `Choose among ${axisNames.join(', ')}`)
    return axis
  })
  return new Set(axes)
}
