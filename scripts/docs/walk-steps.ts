import { wrapped } from './line-breaks.ts'

/** A command of docs/walk.md, and what a reader may look for in its output. */
export interface WalkStep {
  readonly about: string
  readonly command: string
  /** whether it runs in the checkout, and not where the files are */
  readonly isAtRoot?: boolean
}

export const walk: readonly (readonly [heading: string, steps: readonly WalkStep[]])[] = [
  [
    'The demo',
    [
      {
        about:
          'Three million flights go through the whole flow, on a cluster that the demo starts and ends. The picture ' +
          'is a column with its modes.',
        command: 'npm run --silent demo -- --cluster embedded',
        isAtRoot: true,
      },
    ],
  ],
  [
    'A cluster, and rows from a file',
    [
      {
        about:
          'From here on the rows are taxi trips: `april.csv`, and later `may.parquet`. A cluster that `vgm up` has ' +
          'started is found by all commands.',
        command: 'vgm up --cluster embedded',
      },
      { about: 'What the file looks like:', command: 'head -n 4 april.csv' },
      {
        about: 'A load says which type each column has. `--timestamp` makes a column the time of the rows.',
        command: 'vgm load april.csv --dataset trips --timestamp started',
      },
    ],
  ],
  [
    'A model',
    [
      { about: 'A fit needs some of the rows only:', command: 'vgm sample --dataset trips --rows 100000' },
      {
        about: 'It draws each column with its modes. `payment` is a text, and passes through.',
        command: 'vgm fit --dataset trips',
      },
      { about: 'The same, later, with the figures of each mode:', command: 'vgm model show --dataset trips' },
    ],
  ],
  [
    'Normalized rows',
    [
      {
        about: 'Without `--until-end` it goes on with the rows that arrive.',
        command: 'vgm normalize --dataset trips --until-end',
      },
      { about: 'Nothing is left to do:', command: 'vgm lag --dataset trips' },
      { about: 'And back:', command: 'vgm restore --dataset trips --until-end' },
      {
        about: 'An audit compares the file and all topics, row by row, with none of the code that wrote them.',
        command: 'vgm verify --dataset trips --file april.csv --timestamp started',
      },
    ],
  ],
  [
    'Rows that cannot be normalized',
    [
      {
        about:
          'May comes as Parquet, from a program that writes NaN where a fare is missing. The other fares are higher.',
        command: 'vgm load may.parquet --dataset trips --timestamp started',
      },
      { about: 'They wait:', command: 'vgm lag --dataset trips' },
      { about: 'Most rows are normalized. Seven are not:', command: 'vgm normalize --dataset trips --until-end' },
      { about: 'Why?', command: 'vgm dead-letters ls --dataset trips' },
      { about: 'One of them:', command: 'vgm dead-letters show --dataset trips 0/0' },
    ],
  ],
  [
    'Drift',
    [
      {
        about:
          'Normalize counts its rows by the minute in which it gets them. Verdicts need forty ' +
          'windows; the figures are there at once, here those of both files.',
        command: 'vgm drift --dataset trips --since 1h',
      },
    ],
  ],
  [
    'A replay',
    [
      {
        about: 'A backfill of one week with the model of that time: first what it would do.',
        command: 'vgm replay --dataset trips --model 1 --from @2026-04-06 --to @2026-04-13 --dry-run',
      },
      {
        about: 'It writes to a topic of its own.',
        command: 'vgm replay --dataset trips --model 1 --from @2026-04-06 --to @2026-04-13',
      },
    ],
  ],
  ['The end', [{ about: 'All of it is gone:', command: 'vgm down' }]],
]

/** @param shown what each command has printed, in the order of the walk */
export function walkDocument(shown: readonly string[]): string {
  const left = [...shown]
  const parts = walk.flatMap(([heading, steps]) => [
    `## ${heading}`,
    ...steps.flatMap(({ about, command }) => [
      wrapped(about),
      `\`\`\`console\n$ ${command}\n${left.shift() ?? ''}\n\`\`\``,
    ]),
  ])
  return `${[title, ...parts].join('\n\n')}\n`
}

const title = `# A walk through the commands

What the commands print, in a terminal of 80 columns. \`npm run docs:walk\` has recorded it, on two cores that
had much other work, so the times are long. While a command works, a line says how far it is; the line is gone when it
has ended. [tutorial.md](tutorial.md) explains the same flow.`
