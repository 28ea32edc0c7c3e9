import type { ModelContent, ModelNotes } from '../../src/model/model.ts'

/** What a small fit decides. */
export function exampleContent(dataset = 'flights', seed = 0): ModelContent {
  return {
    dataset,
    recipe: 'scaled',
    options: {
      components: 10,
      weightConcentrationPrior: 0.1,
      tolerance: 1e-7,
      maxIterations: 2000,
      minWeight: 0.005,
    },
    seed,
    lineage: {
      topic: `${dataset}.sample`,
      partitions: [{ partition: 0, startOffset: 0, endOffset: 2 ** 40 }],
      rowsSeen: 1e9,
      rowsUsed: 1e6,
      schemaId: 7,
      schemaFingerprint: 'ab'.repeat(32),
      softwareVersion: '0.1.0',
    },
    columns: [
      {
        name: 'delay',
        type: 'int',
        nullable: true,
        rows: 990_000,
        nulls: 10_000,
        min: -60,
        max: 1200,
        decimals: 0,
        weight: [0.7, 0.3],
        mean: [-3.5, 41.25],
        std: [6.5, 40],
        offset: [-2.1, -4.9],
        precision: [1 / 6.5 ** 2, 0.000625],
        lowerBound: -4.2,
        iterations: 31,
        converged: true,
        histogram: { edges: [-60, 0, 1200], counts: [400_000, 590_000] },
      },
    ],
  }
}

/** A challenger of version 2 that was promoted. */
export const exampleNotes = {
  comparison: {
    champion: 2,
    cause: 'interval',
    verdict: 'promoted',
    reason: 'It gains 0.0316 (0.0290 to 0.0342) nats a row over version 2 on 100,000 rows',
    topic: 'flights.raw',
    partitions: [{ partition: 0, startOffset: 2 ** 40, endOffset: 2 ** 40 + 100_000 }],
    rows: 100_000,
    blocks: 100,
    gain: { mean: 0.0316, lower: 0.029, upper: 0.0342 },
    change: { mean: 0.061, lower: 0.058, upper: 0.064 },
    leastGain: 0.001,
  },
  unseenFrom: [{ partition: 0, offset: 2 ** 40 }],
} as const satisfies ModelNotes
