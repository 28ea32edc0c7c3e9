import { median } from '../../src/bench/figures.ts'
import { formatSpeed, mebibytes, textTable } from '../../src/observe/report-text.ts'
import type { PointFigures } from './measure-point.ts'
import type { Point } from './setups.ts'

/** Medians over the rounds, each figure by itself; null where no round has it. */
export type MedianFigures = { readonly [K in keyof PointFigures]: number | null }

export function medianFigures(rounds: readonly PointFigures[]): MedianFigures {
  const of = (name: keyof PointFigures) => median(rounds.map((round) => round[name]).filter((value) => value !== null))
  return {
    generate: of('generate'),
    normalize: of('normalize'),
    restore: of('restore'),
    fitSeconds: of('fitSeconds'),
    modesFound: of('modesFound'),
    rssBytes: of('rssBytes'),
    brokerNs: of('brokerNs'),
  }
}

export function scaleText(measured: readonly (Point & MedianFigures)[]): string {
  const axes = Map.groupBy(measured, ({ axis }) => axis)
  return [...axes]
    .map(([axis, points]) =>
      textTable(
        [axis, 'rows', 'generate', 'fit', 'modes', 'normalize', 'values', 'restore', 'broker a row', 'RSS'],
        points.map((point) => {
          const { generate, normalize, restore, fitSeconds, modesFound, rssBytes, brokerNs } = point
          return [
            point[axis],
            point.rows,
            formatSpeed(generate ?? 0),
            `${fitSeconds?.toFixed(1)} s`,
            modesFound ?? '',
            formatSpeed(normalize ?? 0),
            formatSpeed((normalize ?? 0) * point.columns),
            formatSpeed(restore ?? 0),
            brokerNs === null ? '' : `${Math.round(brokerNs)} ns`,
            mebibytes(rssBytes),
          ]
        }),
      ),
    )
    .join('\n\n')
}
