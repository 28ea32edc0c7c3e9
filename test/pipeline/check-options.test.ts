import { equal, match, ok, rejects, throws } from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { count, datasetName, text } from '../../src/config/value-rules.ts'
import { PipelineError } from '../../src/errors.ts'
import { fields, optionChecks } from '../../src/pipeline/check-options.ts'
import type { ClusterOptions, ClusterSession } from '../../src/pipeline/cluster-session.ts'
import {
  type CheckModelOptions,
  type CompareModelsOptions,
  checkFile,
  checkModel,
  compareModels,
  countDeadLetters,
  type DeadLettersOptions,
  defineTransform,
  type ExportDeadLettersOptions,
  type ExportMatrixOptions,
  type ExportTopicOptions,
  estimateReplay,
  exportDeadLetters,
  exportMatrix,
  exportTopic,
  type FileReading,
  type FitDatasetOptions,
  type FollowModelsOptions,
  fitDataset,
  followModels,
  type GenerateFileOptions,
  type GenerateRowsOptions,
  type GroupLagOptions,
  generateFile,
  generateRows,
  groupLag,
  type LimitRateOptions,
  type ListDeadLettersOptions,
  type LoadFileOptions,
  type LoadMatrixOptions,
  limitRate,
  listDeadLetters,
  listModels,
  loadFile,
  loadMatrix,
  type MeasureDriftOptions,
  measureDrift,
  type NameModelOptions,
  type NormalizeTopicOptions,
  nameModel,
  normalizeTopic,
  openCluster,
  type PromoteModelOptions,
  parseRowSpec,
  pauseStages,
  promoteModel,
  type RemoveModelOptions,
  type ReplayTopicOptions,
  type RestoreTopicOptions,
  type RetryDeadLettersOptions,
  readDeadLetter,
  removeModel,
  replayTopic,
  restoreTopic,
  resumeStages,
  retryDeadLetters,
  type SampleTopicOptions,
  type StampedVersionsOptions,
  type SteerStagesOptions,
  sampleTopic,
  stampedVersions,
  type TransformRowsOptions,
  transformRows,
  type VerifyDatasetOptions,
  verifyDataset,
  type WriteModelCardOptions,
  type WriteModelSvgOptions,
  writeModelCard,
  writeModelSvg,
} from '../../src/pipeline/index.ts'
import { withoutBrokers } from './without-brokers.ts'

/** What each option may not be: every option of the type has its line, or this file does not compile. */
type Wrong<O> = { readonly [K in keyof O]-?: readonly unknown[] }

interface Case {
  readonly caller: string
  readonly run: (cluster: ClusterSession, options: object) => Promise<unknown>
  /** the least that is taken */
  readonly right: object
  readonly required: readonly string[]
  readonly wrong: Readonly<Record<string, readonly unknown[]>>
}

function caseOf<O extends object>(
  run: (cluster: ClusterSession, options: O) => Promise<unknown>,
  right: O,
  wrong: Wrong<O>,
  caller = run.name,
): Case {
  const call = (cluster: ClusterSession, options: object) => run(cluster, options as O)
  return { caller, run: call, right, required: Object.keys(right), wrong }
}

const dataset = ['', 'a b', 5, null, {}, `x${'y'.repeat(300)}`]
const topic = ['', 'a b', '..', '__consumer_offsets', 5, null, {}]
const name = ['', 5, null, []]
const flag = ['no', 1, null]
const count_ = [0, -1, Number.NaN, 1.5, '2', null]
const seed = ['a', -1, 2 ** 32, Number.NaN, null]
const told = ['x', {}, null]
const compression = ['lz5', '', 1, null]
const maxMemory = [0, 2 ** 20, 2 ** 25 + 0.5, '32MiB', null]
const clip = ['0.99', 0, -1, Number.NaN, null]
const modeChoice = [
  'likely',
  { kind: 'random' },
  {},
  { kind: 'sample' },
  { kind: 'sample', seed: 'a' },
  { kind: 'likely', seed: 1 },
  null,
]
const deadLetters = [
  'stop',
  { maxShare: -1, onInvalid: 'stop' },
  { maxShare: 0.5 },
  { maxShare: 0.5, onInvalid: 'drop' },
  { maxShare: 0.5, onInvalid: 'stop', x: 1 },
  null,
]
const names = ['fare', [], [5], [''], null]
const reading = {
  columns: names,
  notNull: names,
  format: ['xls', 1, null],
  text: [
    'utf-8',
    { delimeter: ';' },
    { delimiter: ';;' },
    { quote: 5 },
    { header: 'yes' },
    { skipLines: -1 },
    { encoding: '' },
    { nullTexts: 'NA' },
    { types: { a: 5 } },
    { types: 'a' },
    { numbers: {} },
    { numbers: { decimalMark: ',', thousand: '.' } },
    { dateFormat: 5 },
    null,
  ],
}
const group = {
  instance: name,
  untilEnd: flag,
  compression,
  maxMemory,
  delivery: ['exactly_once', '', null],
  deadLetters,
  rebuildPositions: flag,
  allowEmptyOutput: flag,
  controlTopic: topic,
  onProgress: told,
}
const d = { dataset: 'd' }
const codes = [[], [5], 'VGM_ROW_FRAMING', null]
const steered = { stage: ['normalise', 'load', 5, null], group: name, controlTopic: topic, by: name }
const transform = defineTransform({ name: 'same', columns: ['x'], apply: () => undefined })

const cases: readonly Case[] = [
  caseOf<LoadFileOptions>(
    loadFile,
    { ...d, file: 'd.csv' },
    {
      dataset,
      file: ['', 5, [], [5], null],
      topic,
      modelsTopic: topic,
      key: name,
      timestamp: name,
      defaultTimestamp: ['', 'yesterday', '1969-01-01', '2023-02-30', '1.5', 5, null],
      partitions: count_,
      compression,
      controlTopic: topic,
      badRows: name,
      ...reading,
      onColumns: told,
      onTimes: told,
      onProgress: told,
    },
  ),
  caseOf<GenerateRowsOptions>(
    generateRows,
    { ...d, spec: parseRowSpec('x:int=normal(0,1)'), rows: 1 },
    {
      dataset,
      spec: ['x:int=normal(0,1)', {}, null],
      rows: [-5, Number.NaN, 0.5, '5', null],
      topic,
      modelsTopic: topic,
      seed,
      partitions: ['x', ...count_],
      batchRows: count_,
      compression,
      controlTopic: topic,
      onProgress: told,
    },
  ),
  caseOf<SampleTopicOptions>(sampleTopic, d, {
    dataset,
    rawTopic: topic,
    sampleTopic: topic,
    modelsTopic: topic,
    size: [100, { rate: 2 }, { rate: 0.5, rows: 5 }, { rows: 0 }, {}, { rows: '5' }, null],
    seed,
    partitions: ['x', ...count_],
    append: flag,
    follow: flag,
    controlTopic: topic,
    onProgress: told,
  }),
  caseOf<FitDatasetOptions>(fitDataset, d, {
    dataset,
    modelsTopic: topic,
    source: ['file', null],
    rawTopic: topic,
    sampleTopic: topic,
    columns: names,
    recipe: ['scikit', null],
    mixture: [
      { components: 0 },
      { components: '5' },
      { tolerance: -1 },
      { totalRows: 5 },
      { seed: 1 },
      { comps: 1 },
      5,
      null,
    ],
    minWeight: ['0.1', 1, -0.1, null],
    roundToDecimals: flag,
    seed: [...seed, 5],
    promote: flag,
    controlTopic: topic,
    members: count_,
    onOtherFields: told,
    onLeftOut: told,
    onProgress: told,
  }),
  caseOf<FollowModelsOptions>(followModels, d, { dataset, modelsTopic: topic }),
  caseOf<FollowModelsOptions>(listModels, d, { dataset, modelsTopic: topic }),
  caseOf<PromoteModelOptions>(
    promoteModel,
    { ...d, version: 1 },
    {
      dataset,
      version: ['latest', 0, 1.5, null],
      modelsTopic: topic,
    },
  ),
  caseOf<NameModelOptions>(
    nameModel,
    { ...d, name: '@stable' },
    { dataset, name: ['stable', '@', '@A', 5, null], version: ['stable', 0, null], modelsTopic: topic },
  ),
  caseOf<CompareModelsOptions>(
    compareModels,
    { ...d, from: 1, to: 2 },
    { dataset, from: ['latest', 0, null], to: ['stable', 1.5, null], modelsTopic: topic },
  ),
  caseOf<CheckModelOptions>(checkModel, d, { dataset, version: ['latest', 0], modelsTopic: topic, onProgress: told }),
  caseOf<RemoveModelOptions>(
    removeModel,
    { ...d, version: 1 },
    { dataset, version: ['stable', 0, null], modelsTopic: topic, normalizedTopic: topic, force: flag },
  ),
  caseOf<StampedVersionsOptions>(stampedVersions, d, { dataset, topic, at: [5, 'x', null] }),
  caseOf<MeasureDriftOptions>(measureDrift, d, {
    dataset,
    model: ['latest', 0, null],
    modelsTopic: topic,
    statsTopic: topic,
    windowRows: count_,
    minEffect: clip,
    sinceMs: ['yesterday', Number.NaN, null],
  }),
  caseOf<WriteModelCardOptions>(
    writeModelCard,
    { ...d, file: 'd.html' },
    {
      dataset,
      file: name,
      version: ['latest', 0, null],
      overwrite: flag,
      modelsTopic: topic,
      statsTopic: topic,
    },
  ),
  caseOf<NormalizeTopicOptions>(normalizeTopic, d, {
    ...group,
    dataset,
    topics: [{ normalised: 'x' }, { raw: 'a b' }, { restored: 'x' }, 'd.raw', [], null],
    modelsTopic: topic,
    group: name,
    members: count_,
    model: ['latest', '@', 0, null],
    maxModelAgeMs: clip,
    shadow: ['', 'stable', 0, 1.5, null],
    stats: flag,
    statsTopic: topic,
    statsIntervalMs: count_,
    clip,
    modeChoice,
    renameVersionField: ['', 'a b', 5, null],
    renameRecord: ['', 'a b', 5, null],
  }),
  caseOf<RestoreTopicOptions>(restoreTopic, d, {
    ...group,
    dataset,
    topics: [{ raw: 'x' }, { restored: '' }, 5, null],
    synthetic: flag,
    modelsTopic: topic,
    group: name,
    members: count_,
  }),
  ...[replayTopic, estimateReplay].map((replay) =>
    caseOf<ReplayTopicOptions>(
      replay,
      { ...d, model: 1 },
      {
        dataset,
        model: ['latest', '@', 0, null],
        from: [5, new Date(), '', 'yesterday', '@x', '-1', null],
        to: [5, 'x', null],
        strictTime: flag,
        eventTime: name,
        members: count_,
        maxRate: count_,
        output: topic,
        rawTopic: topic,
        deadLetterTopic: topic,
        modelsTopic: topic,
        group: name,
        clip,
        modeChoice,
        compression,
        maxMemory,
        deadLetters,
        allowEmptyOutput: flag,
        controlTopic: topic,
        onPlan: told,
        onProgress: told,
      },
    ),
  ),
  caseOf<ExportTopicOptions>(
    exportTopic,
    { topic: 't', file: 't.csv' },
    {
      topic,
      modelsTopic: topic,
      file: name,
      overwrite: flag,
      format: ['xls', 'json', null],
      csvSafe: flag,
      withKey: flag,
      withPosition: flag,
      skipsUnreadable: flag,
      onProgress: told,
    },
  ),
  caseOf<ExportMatrixOptions>(
    exportMatrix,
    { ...d, as: 'ctgan', file: 'm.npy' },
    {
      dataset,
      as: ['gan', '', null],
      file: name,
      spansFile: name,
      topic,
      modelsTopic: topic,
      model: ['latest', '@', 0, null],
      overwrite: flag,
      format: ['csv', 'json', null],
      categories: ['a', [5], null],
      leaveOut: ['a', [5], null],
      rare: count_,
      clip,
      outputDistribution: ['gauss', null],
      bins: [1, 256, 4.5, '48', null],
      encoding: ['codes', null],
      skipsUnreadable: flag,
      onProgress: told,
    },
  ),
  caseOf<LoadMatrixOptions>(
    loadMatrix,
    { ...d, as: 'ctgan', file: 'm.npy', spansFile: 'spans.json' },
    {
      dataset,
      as: ['gan', '', null],
      file: name,
      spansFile: name,
      topic,
      modelsTopic: topic,
      partitions: count_,
      compression,
      controlTopic: topic,
      seed,
      onProgress: told,
    },
  ),
  caseOf<VerifyDatasetOptions>(verifyDataset, d, {
    dataset,
    topics: [{ normalised: 'x' }, { raw: '' }, null],
    modelsTopic: topic,
    groups: [{ replay: 'x' }, { normalize: '' }, 'g', null],
    clip,
    modeChoice: [{ kind: 'likely' }, 'random', null],
    members: [0, 1.5, '2', null],
    loaded: ['trips.csv', {}, { file: 5 }, { file: 'a.csv', keys: 'a' }, { file: 'a.csv', text: { x: 1 } }, null],
    controlTopic: topic,
    onProgress: told,
  }),
  caseOf<TransformRowsOptions>(
    transformRows,
    { transform, inputTopic: 'a', outputTopic: 'b' },
    {
      ...group,
      transform: [{}, 'same', { name: 'a', columns: [], apply: () => undefined }, null],
      inputTopic: topic,
      outputTopic: topic,
      deadLetterTopic: topic,
      group: name,
    },
  ),
  caseOf<GroupLagOptions>(groupLag, d, { dataset, group: name, topic: [...topic, 't'], controlTopic: topic }),
  caseOf<SteerStagesOptions>(pauseStages, d, { dataset, ...steered }),
  caseOf<SteerStagesOptions>(resumeStages, d, { dataset, ...steered }),
  caseOf<LimitRateOptions>(
    limitRate,
    { ...d, rowsPerSecond: 5 },
    { dataset, ...steered, rowsPerSecond: [0, -1, 1.5, 'none', null] },
  ),
  caseOf<DeadLettersOptions>(countDeadLetters, d, { dataset, topic }),
  caseOf<ListDeadLettersOptions>(listDeadLetters, d, { dataset, topic, codes, limit: count_, modelsTopic: topic }),
  caseOf<ExportDeadLettersOptions>(
    exportDeadLetters,
    { ...d, file: 'd.csv' },
    {
      dataset,
      topic,
      codes,
      modelsTopic: topic,
      file: name,
      overwrite: flag,
      format: ['json', 5, null],
      csvSafe: flag,
    },
  ),
  caseOf<RetryDeadLettersOptions>(retryDeadLetters, d, {
    dataset,
    topic,
    rawTopic: topic,
    codes,
    ranges: [[], [5], [{ partition: 0, from: 5, to: 4 }], [{ partition: 0, from: 5 }], {}, null],
    onProgress: told,
  }),
  caseOf<DeadLettersOptions>(
    (cluster, options) => readDeadLetter(cluster, options, { partition: 0, offset: 0 }),
    d,
    { dataset, topic },
    'readDeadLetter',
  ),
]

/** Those that need no cluster. */
const local: readonly Case[] = [
  caseOf<GenerateFileOptions>(
    (_, options) => generateFile(options),
    { file: 'd.csv', spec: parseRowSpec('x:int=normal(0,1)'), rows: 1 },
    {
      file: name,
      overwrite: flag,
      format: ['xls', 'json', null],
      spec: ['x:int=normal(0,1)', {}, null],
      rows: [-5, Number.NaN, 0.5, '5', null],
      seed,
      workers: count_,
      signal: [{}, 'x', null],
      onProgress: told,
    },
    'generateFile',
  ),
  caseOf<WriteModelSvgOptions>(
    (_, options) => writeModelSvg({ columns: [] }, options),
    { file: 'd.svg' },
    { file: name, column: name, overwrite: flag },
    'writeModelSvg',
  ),
  caseOf<FileReading>((_, options) => checkFile('d.csv', options), {}, reading, 'checkFile'),
]

suite('an option that is wrong is refused before a file is touched', () => {
  for (const { caller, run, right, required, wrong } of local)
    test(`of ${caller}`, async () => {
      const refused = (options: unknown, message: RegExp) =>
        rejects(async () => run({} as ClusterSession, options as object), { code: 'VGM_USAGE', message })
      for (const [option, values] of Object.entries(wrong))
        for (const value of values)
          await refused({ ...right, [option]: value }, new RegExp(`^${caller}: .*\\b${option}\\b`))
      for (const option of required)
        await refused({ ...right, [option]: undefined }, new RegExp(`^${caller}: ${option} is missing`))
      await refused({ ...right, overwite: true }, new RegExp(`^${caller}: there is no option overwite`))
      for (const options of [null, 'd', 5, [], new Date()])
        await refused(options, new RegExp(`^${caller}: its options`))
    })

  test('and so is the name of a file that is none', () =>
    rejects(checkFile(5 as unknown as string), { code: 'VGM_USAGE', message: /^checkFile: file is 5/ }))
})

suite('an option that is wrong is refused before a broker is asked', () => {
  for (const { caller, run, right, required, wrong } of cases)
    test(`of ${caller}`, () =>
      withoutBrokers(async (cluster) => {
        const refused = (options: unknown, message: RegExp) =>
          rejects(async () => run(cluster, options as object), { code: 'VGM_USAGE', message }, JSON.stringify(options))
        for (const [option, values] of Object.entries(wrong))
          for (const value of values)
            await refused({ ...right, [option]: value }, new RegExp(`^${caller}: .*\\b${option}\\b`))
        for (const option of required) {
          const { [option]: _, ...rest } = right as Record<string, unknown>
          await refused(rest, new RegExp(`^${caller}: ${option} is missing`))
          await refused({ ...rest, [option]: undefined }, new RegExp(`^${caller}: ${option} is missing`))
        }
        const first = Object.keys(wrong)[0]
        await rejects(run(cluster, { ...right, [`${first}x`]: 1 }), {
          message: new RegExp(`^${caller}: there is no option ${first}x`),
          fix: new RegExp(`^Did you mean ${first}\\?`),
        })
        for (const options of [undefined, null, 'd', 5, [], new Date()])
          await refused(options, new RegExp(`^${caller}: its options are `))
        for (const none of [undefined, null, {}, { close: () => undefined }])
          await rejects(run(none as unknown as ClusterSession, right), { code: 'VGM_USAGE', message: /not a cluster/ })
      }))

  test('and what is right, or undefined, is taken', (t) => {
    hasten(t, 30)
    return withoutBrokers(async (cluster) => {
      const codes = cases.map(({ run, right, wrong }) => {
        const undefined_ = Object.fromEntries(Object.keys(wrong).map((option) => [option, undefined]))
        return run(cluster, { ...undefined_, ...right }).then(
          () => 'done',
          (error: unknown) => (error instanceof PipelineError ? error.code : String(error)),
        )
      })
      for (const code of await Promise.all(codes)) ok(/UNREACHABLE|FILE/.test(code), code)
    })
  })

  test('of the place of a dead letter', () =>
    withoutBrokers(async (cluster) => {
      for (const at of [undefined, {}, { partition: -1, offset: 0 }, { partition: 0, offset: '1' }, { partition: 0 }])
        await rejects(readDeadLetter(cluster, d, at as never), { code: 'VGM_USAGE', message: /^readDeadLetter: / })
    }))

  test('and a whole mixture is judged by its recipe', () =>
    withoutBrokers(async (cluster) => {
      await rejects(fitDataset(cluster, { dataset: 'd', mixture: { components: 999 } }), {
        code: 'VGM_USAGE',
        message: 'fitDataset: mixture.components is 999',
        fix: 'Choose a whole number from 1 to 255',
      })
      await rejects(fitDataset(cluster, { dataset: 'd', source: 'raw', sampleTopic: 's' }), { code: 'VGM_USAGE' })
    }))
})

/** Lets the clocks run so many times as fast in a test: what tries again for a minute gives up in two seconds. */
function hasten({ mock }: TestContext, times: number): void {
  for (const clock of [Date, performance]) {
    const now = clock.now.bind(clock)
    const startMs = now()
    mock.method(clock, 'now', () => startMs + times * (now() - startMs))
  }
}

const address: ClusterOptions = { brokers: ['127.0.0.1:1'], registry: 'http://127.0.0.1:1' }
const password = 'Hunter2secret'
const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'

const wrongAddress: Wrong<ClusterOptions> = {
  brokers: ['host:1', [], ['localhost'], ['a:1,b:2'], [5], {}, null, undefined],
  registry: ['', 'localhost:8081', 'ftp://x', 5, null, undefined, `http://me:${password}@host`],
  access: [
    null,
    'SASL_SSL',
    {},
    { kafkaUsername: 'me', kafkaPassword: password },
    { kafka: {} },
    { kafka: { ssl: true }, registry: {} },
    { kafka: { tls: true }, registry: {} },
    { kafka: { tls: { ca: 5 } }, registry: {} },
    { kafka: { tls: { ca: pem, cert: pem } }, registry: {} },
    { kafka: { tls: { cert: pem, key: password } }, registry: {} },
    { kafka: { sasl: { username: 'me', password } }, registry: {} },
    { kafka: { sasl: { mechanism: 'plain', username: 'me', password } }, registry: {} },
    { kafka: { sasl: { mechanism: 'PLAIN', username: 'me', pasword: password } }, registry: {} },
    { kafka: { sasl: { mechanism: 'PLAIN', username: 'me', password: [password] } }, registry: {} },
    { kafka: { sasl: { mechanism: 'OAUTHBEARER', token: password } }, registry: {} },
    { kafka: { sasl: { mechanism: 'OAUTHBEARER', token: { value: '' } } }, registry: {} },
    {
      kafka: { sasl: { mechanism: 'OAUTHBEARER', token: { endpoint: 'http://x', clientId: 'a', clientSecret: 'b' } } },
      registry: {},
    },
    { kafka: {}, registry: { auth: { username: 'me' } } },
    { kafka: {}, registry: { auth: { user: 'me', password } } },
    { kafka: {}, registry: { auth: { token: password } } },
    { kafka: {}, registry: { apicurioIds: 'x' } },
    { kafka: {}, registry: { tls: {} } },
  ],
  positionsTopic: topic,
  signal: [null, {}, new AbortController(), 5],
  log: [null, {}, console.log, 'silent'],
  waits: flag,
  onEvent: told,
}

suite('openCluster', () => {
  for (const [option, values] of Object.entries(wrongAddress))
    test(`refuses a wrong ${option}, and shows no secret`, async () => {
      for (const value of values)
        await rejects(openCluster({ ...address, [option]: value }), (error: PipelineError) => {
          equal(error.code, 'VGM_USAGE', String(error.stack))
          match(error.message, new RegExp(`^openCluster: ${option}\\b`))
          ok(!`${error.message} ${error.fix}`.includes(password), error.message)
          return true
        })
    })

  test('refuses an option that it does not have, and none at all', async () => {
    await rejects(openCluster({ ...address, signl: AbortSignal.abort() } as ClusterOptions), {
      message: 'openCluster: there is no option signl',
      fix: /^Did you mean signal\?/,
    })
    await rejects(openCluster(undefined as unknown as ClusterOptions), { code: 'VGM_USAGE' })
  })
})

suite('a transform of one’s own', () => {
  const apply = () => undefined
  test('is refused where it is defined', () => {
    for (const wrong of [
      undefined,
      {},
      { name: 'a b', columns: ['x'], apply },
      { name: 5, columns: ['x'], apply },
      { name: 'a', columns: 'x', apply },
      { name: 'a', columns: [], apply },
      { name: 'a', columns: [5], apply },
      { name: 'a', columns: ['x', 'x'], apply },
      { name: 'a', columns: ['x'] },
      { name: 'a', columns: ['x'], apply: 'x' },
      { name: 'a', columns: ['x'], apply, aply: 1 },
    ])
      throws(() => defineTransform(wrong as never), { code: 'VGM_USAGE' }, JSON.stringify(wrong))
  })

  test('knows its columns by name', () => {
    defineTransform({
      name: 'a',
      columns: ['fare', 'miles'],
      apply: ({ columns: { fare, miles }, ...rows }) => {
        fare.values[0] = miles.values[0]
        // @ts-expect-error: no such column
        rows.reject(columns.mile)
      },
    })
    defineTransform({
      name: 'a',
      columns: ['fare'],
      // @ts-expect-error: no such column
      apply: ({ columns: { fares } }) => fares,
    })
  })
})

suite('a table of checks', () => {
  interface Options {
    readonly dataset: string
    readonly size?: { readonly rows: number } | undefined
  }
  const size = fields<{ readonly rows: number }>({ rows: count }, {})

  test('compiles with every option and its type only', () => {
    optionChecks<Options>('f', { dataset: datasetName }, { size })
    // @ts-expect-error: size is forgotten
    optionChecks<Options>('f', { dataset: datasetName }, {})
    // @ts-expect-error: misspelt
    optionChecks<Options>('f', { dataset: datasetName }, { size, sise: size })
    // @ts-expect-error: of another type
    optionChecks<Options>('f', { dataset: count }, { size })
    // @ts-expect-error: dataset is required
    optionChecks<Options>('f', {}, { size, dataset: datasetName })
    const other = fields<{ readonly rows: string }>({ rows: text }, {})
    // @ts-expect-error: of another type below
    optionChecks<Options>('f', { dataset: datasetName }, { size: other })
  })

  test('names the place, the value and what may be there', () => {
    const { check } = optionChecks<Options>('f', { dataset: datasetName }, { size })
    throws(() => check({ dataset: 'd', size: { rows: 0 } }), {
      message: 'f: size.rows is 0',
      fix: 'Give an integer of at least 1',
    })
    throws(() => check({ dataset: 'd', size: { row: 1 } } as never), {
      message: 'f: size has no option row',
      fix: 'Did you mean rows? Give one of rows',
    })
  })
})
