import { textTable } from '../../src/commands/report-text.ts'
import { formatSpeed } from '../../src/observe/progress.ts'
import type { PointFigures } from './measure-point.ts'
import type { Point } from './setups.ts'

export interface MeasuredPoint {
  readonly point: Point
  /** of each round */
  readonly rounds: readonly PointFigures[]
}

/** Medians over the rounds, each figure by itself; null where no round has it. */
export function medianFigures(rounds: readonly PointFigures[]): { readonly [K in keyof PointFigures]: number | null } {
  const of = (name: keyof PointFigures) => {
    const values = rounds.map((round) => round[name]).filter((value) => value !== null)
    return values.toSorted((a, b) => a - b)[values.length >> 1] ?? null
  }
  return {
    generate: of('generate'),
    normalize: of('normalize'),
    restore: of('restore'),
    fitSeconds: of('fitSeconds'),
    modes: of('modes'),
    rssBytes: of('rssBytes'),
    brokerNs: of('brokerNs'),
  }
}

export function scaleText(measured: readonly MeasuredPoint[]): string {
  const axes = Map.groupBy(measured, ({ point }) => point.axis)
  return [...axes]
    .map(([axis, points]) =>
      textTable(
        [axis, 'rows', 'generate', 'fit', 'modes', 'normalize', 'values', 'restore', 'broker a row', 'RSS'],
        points.map(({ point, rounds }) => {
          const { generate, normalize, restore, fitSeconds, modes, rssBytes, brokerNs } = medianFigures(rounds)
          return [
            point[axis],
            point.rows,
            formatSpeed(generate ?? 0),
            `${fitSeconds?.toFixed(1)} s`,
            modes ?? '',
            formatSpeed(normalize ?? 0),
            formatSpeed((normalize ?? 0) * point.columns),
            formatSpeed(restore ?? 0),
            brokerNs === null ? '' : `${Math.round(brokerNs)} ns`,
            rssBytes === null ? '' : `${Math.round(rssBytes / 2 ** 20)} MiB`,
          ]
        }),
      ),
    )
    .join('\n\n')
}
