/**
 * What each command prints with --json: from here come schemas/json/ and the tables of docs/json.md. Tests compare what
 * the commands print with it.
 */
import { verdicts } from '../../src/ports/stage-event.ts'

/** A JSON Schema, as far as it is used here. */
export interface JsonSchema {
  readonly $schema?: string
  readonly $id?: string
  readonly title?: string
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly required?: readonly string[]
}

const integer: JsonSchema = { type: 'integer' }
const number: JsonSchema = { type: 'number' }
const text: JsonSchema = { type: 'string' }
const flag: JsonSchema = { type: 'boolean' }
const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items })
const orNull = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: 'null' }] })
const oneOf = (...values: readonly string[]): JsonSchema => ({ type: 'string', enum: values })
const of = (schema: JsonSchema, description: string): JsonSchema => ({ ...schema, description })

/** An object; a name that ends in "?" need not be there. */
function object(fields: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const named = Object.entries(fields).map(([name, schema]) => [name.replace(/\?$/, ''), schema] as const)
  return {
    type: 'object',
    properties: Object.fromEntries(named),
    required: Object.keys(fields).filter((name) => !name.endsWith('?')),
  }
}

/** An object with the fields of both. */
function both(a: JsonSchema, b: JsonSchema): JsonSchema {
  return {
    type: 'object',
    properties: { ...a.properties, ...b.properties },
    required: [...(a.required ?? []), ...(b.required ?? [])],
  }
}

const address = {
  kind: of(oneOf('embedded', 'docker', 'jvm'), 'kind of the local cluster'),
  brokers: of(text, 'addresses of the brokers, with commas between'),
  registry: of(text, 'URL of the schema registry'),
}
const lastEnd = of(object({ atMs: integer, reason: text, 'logFile?': text }), 'how the last cluster ended by itself')
const dataDir = of(text, 'folder of the data')

const stage = object({
  rowsIn: of(integer, 'rows read; 0 for rows that come from nowhere'),
  rowsOut: of(integer, 'rows written'),
  deadLetters: of(integer, 'rows that could not be processed'),
  seconds: of(number, 'time of the work, without the time to join a group'),
  rowsPerSecond: of(integer, 'the larger of rowsIn and rowsOut by second'),
  'times?': of(
    object({
      leftOut: integer,
      withoutTime: integer,
      cameAlong: integer,
      goesBack: list(object({ partition: integer, offset: integer })),
    }),
    'of a replay that is bounded by time',
  ),
  'shadow?': of(
    object({
      version: of(integer, 'of the model that writes nothing'),
      against: of(integer, 'version in use'),
      rows: of(integer, 'rows that were looked at'),
      ofRows: of(integer, 'rows that these stand for'),
      gain: of(number, 'nats a row, of the shadow over the version in use'),
      columns: list(object({ name: text, values: integer, changedMode: of(number, 'share of the values') })),
    }),
    'of normalize --shadow',
  ),
  'interrupted?': of(flag, 'true if a signal ended it before its end'),
})
const tombstones = of(integer, 'null values that were passed over')

const faults = {
  lost: of(integer, 'rows without the output that they should have'),
  doubled: of(integer, 'rows with more than one output'),
  reordered: of(integer, 'rows out of order'),
  wrong: of(integer, 'rows whose output differs from what it should be'),
}
const fault = oneOf('lost', 'doubled', 'reordered', 'wrong')

const columnModes = object({
  name: text,
  modes: of(integer, 'number of modes'),
  'roundTo?': of(integer, 'decimals that restored values are rounded to'),
})
const fitted = {
  dataset: text,
  version: of(integer, 'version of the model'),
  columns: of(list(columnModes), 'columns that are modelled'),
}

const range = object({ partition: integer, from: integer, to: of(integer, 'not included') })
const plan = {
  version: of(integer, 'of the model'),
  group: of(text, 'consumer group that keeps the position'),
  topic: of(text, 'output topic'),
  partitions: of(list(range), 'offsets that were found'),
  remarks: of(list(text), 'what is to be known of them'),
}

const histogram = { edges: list(number), counts: list(number) }
const columnModel = object({
  name: text,
  type: oneOf('int', 'long', 'float', 'double'),
  nullable: flag,
  rows: of(number, 'rows with a value'),
  nulls: number,
  min: number,
  max: number,
  decimals: of(integer, 'most decimals of a value; 15 stands for all that a double has'),
  'roundTo?': integer,
  weight: list(number),
  mean: list(number),
  std: list(number),
  offset: of(list(number), 'score(x) = offset - precision / 2 (x - mean)^2'),
  precision: list(number),
  lowerBound: number,
  iterations: integer,
  converged: flag,
  histogram: object(histogram),
  'baseline?': object({ ...histogram, means: list(number) }),
})

const pair: JsonSchema = { type: 'array', items: orNull(number) }
const mode = object({ 'from?': integer, 'to?': integer, weight: pair, mean: pair, std: pair })

const bounded = object({ mean: orNull(number), lower: orNull(number), upper: orNull(number) })
const comparison = object({
  champion: of(integer, 'the version that was current; 0 if there was none'),
  cause: oneOf('interval', 'drift'),
  verdict: oneOf(...verdicts),
  reason: text,
  topic: text,
  partitions: list(object({ partition: integer, startOffset: integer, endOffset: integer })),
  rows: of(integer, 'rows that both were scored on'),
  blocks: integer,
  gain: of(bounded, 'nats a row of the challenger over the champion; a bound is null where there is none'),
  change: of(bounded, 'the same less what it is on the rows of the champion'),
  leastGain: of(number, 'the gain that a promotion needs'),
})

/** What a fit decides. */
const modelContent = {
  recipe: oneOf('scaled', 'sklearn'),
  options: object({
    components: integer,
    weightConcentrationPrior: number,
    tolerance: number,
    maxIterations: integer,
    'regularization?': number,
    'join?': number,
    minWeight: number,
  }),
  seed: integer,
  lineage: object({
    topic: text,
    partitions: list(object({ partition: integer, startOffset: integer, endOffset: integer })),
    rowsSeen: number,
    rowsUsed: integer,
    schemaId: integer,
    schemaFingerprint: text,
    softwareVersion: text,
  }),
  columns: list(columnModel),
}
const unseenFrom = list(object({ partition: integer, offset: integer }))

const origin = { by: of(text, 'who has ordered it'), at: of(text, 'time, ISO 8601') }
const paused = object({ paused: flag, ...origin })
const rate = object({ rowsPerSecond: orNull(number), ...origin })
const steered = object({
  groups: list(object({ group: text, members: integer, 'paused?': paused, 'rate?': rate })),
})

const decoded = object({ 'json?': text, 'problem?': text })
const schemaName: JsonSchema = { type: ['integer', 'string'], description: 'as rows name their schema' }
const letterPlace = { code: text, stage: text, sourceTopic: text, sourcePartition: integer }
const version = object({ dataset: text, version: integer })
const finding = object({
  check: text,
  level: oneOf('ok', 'warning', 'error'),
  found: text,
  'expected?': text,
  'fix?': of(text, 'a command, or what to do'),
  'fixable?': of(flag, 'whether --fix does it'),
})
const driftFinding = object({
  column: text,
  of: oneOf('values', 'nulls'),
  distance: number,
  'p?': number,
  evidence: of(number, 'certain from 1 on'),
  windows: integer,
  effect: of(number, 'in standard deviations, at least'),
  isCertain: flag,
  isAlarm: flag,
})
const speeds = { type: 'object', additionalProperties: orNull(number) }

/** By the words after "vgm"; a flag belongs to them where it changes the result. */
export const results: Readonly<Record<string, readonly [about: string, schema: JsonSchema]>> = {
  demo: [
    'the whole flow',
    object({
      rows: of(integer, 'rows of the file'),
      normalized: integer,
      restored: integer,
      deadLetters: integer,
      mismatches: of(integer, 'rows that are lost, doubled, reordered, wrong or pending'),
      model: object(fitted),
      seconds: object({
        load: number,
        sample: number,
        fit: number,
        normalize: number,
        restore: number,
        verify: number,
      }),
      rowsPerSecond: of(
        object({ load: integer, normalize: integer, restore: integer }),
        'from the first row on, where seconds have the start of each step as well',
      ),
    }),
  ],
  up: ['the local cluster', object({ ...address, 'dataDir?': dataDir })],
  ui: ['address of the dashboard', object({ url: text })],
  down: ['whether there was one', object({ stopped: flag, 'dataDir?': dataDir, 'lastEnd?': lastEnd })],
  status: [
    'the local cluster',
    object({
      alive: of(flag, 'whether brokers and registry answer'),
      'kind?': address.kind,
      'brokers?': address.brokers,
      'registry?': address.registry,
      'sinceMs?': of(number, 'age of the cluster'),
      'dataDir?': dataDir,
      'lastEnd?': lastEnd,
    }),
  ],
  load: [
    'a load',
    both(
      stage,
      object({
        rowsBefore: of(integer, 'rows that an earlier run had loaded'),
        badRows: of(integer, 'rows in the file of --bad-rows'),
      }),
    ),
  ],
  generate: ['generated rows', stage],
  sample: ['a sample', both(stage, object({ 'tombstones?': tombstones }))],
  fit: [
    'a published model',
    object({
      ...fitted,
      promoted: of(flag, 'whether it is the current version now'),
      notModelled: of(list(object({ name: text, reason: text })), 'numbers that pass through, and why'),
      otherFields: of(list(text), 'fields that are no plain numbers, each with its type'),
      hints: of(
        list(object({ column: text, kind: oneOf('constant', 'mostly-one-value', 'identifier', 'decimals'), text })),
        'columns that are worth a look',
      ),
      seconds: of(number, 'time of reading, fitting and publishing'),
    }),
  ],
  'fit --follow': [
    'a challenger, one line each',
    object({ dataset: text, version: of(orNull(integer), 'null in a dry run'), comparison }),
  ],
  normalize: ['a run of the stage', stage],
  restore: ['a run of the stage', stage],
  export: [
    'a written file',
    both(
      stage,
      object({
        tombstones,
        skipped: of(integer, 'rows that could not be read'),
        'renamed?': of(
          list(object({ column: text, name: of(text, 'in the file') })),
          'columns of a Parquet file that do not have their own name, because another one differs from it only in case',
        ),
        'otherVersions?': of(integer, 'of --as: rows of other versions of the model than --model'),
        'matrix?': of(
          object({
            as: oneOf('ctgan', 'quantile', 'ple'),
            file: text,
            spans: of(text, 'file that says what the columns are'),
            version: of(integer, 'of the model'),
            width: of(integer, 'columns of the training matrix'),
            fileWidth: of(integer, 'columns of the file'),
            columns: list(
              object({
                name: text,
                kind: oneOf('continuous', 'discrete'),
                width: integer,
                nulls: integer,
                'clipped?': of(integer, 'values that were cut'),
                'rare?': of(integer, 'categories that share a place'),
                'rareRows?': of(integer, 'rows that have one of them'),
              }),
            ),
            leftOut: list(object({ column: text, reason: text })),
          }),
          'of --as',
        ),
      }),
    ),
  ],
  replay: ['a backfill', both(stage, object(Object.fromEntries(Object.entries(plan).map(([k, v]) => [`${k}?`, v]))))],
  'replay --dry-run': [
    'an estimate',
    object({
      ...plan,
      rows: of(integer, 'rows to be read, at most'),
      rowsBefore: of(integer, 'rows that the group has read before'),
      bytesIn: number,
      bytesOut: number,
      seconds: number,
      tried: object({
        rows: integer,
        leftOut: integer,
        withoutTime: integer,
        deadLetters: integer,
        bytesIn: number,
        bytesOut: number,
        seconds: number,
      }),
    }),
  ],
  verify: [
    'an audit; exit code 1 if a count of faults is above 0',
    object({
      rows: of(integer, 'raw rows'),
      ...faults,
      deadLetters: of(integer, 'rows that are dead letters as they should be'),
      pending: of(integer, 'rows that a stage has not come to'),
      unaudited: of(
        integer,
        'normalized rows that cannot be audited as their raw rows have been removed, and restored ones likewise',
      ),
      unread: of(integer, 'offsets that were removed from a topic before its stage read them'),
      hanging: of(integer, 'transactions that are over their time'),
      examples: of(
        list(object({ fault, topic: text, partition: integer, offset: integer, problem: text })),
        'the first ten of each fault',
      ),
      'file?': of(
        object({
          rows: integer,
          ...faults,
          examples: list(
            object({
              fault,
              'row?': integer,
              'line?': integer,
              topic: text,
              partition: integer,
              'offset?': integer,
              problem: text,
            }),
          ),
        }),
        'with --file: the raw topic compared with the file',
      ),
    }),
  ],
  doctor: [
    'findings; exit code 1 if there are errors',
    object({
      errors: integer,
      warnings: integer,
      findings: list(finding),
      notChecked: list(object({ check: text, because: text })),
      fixed: of(list(text), 'what --fix has done'),
    }),
  ],
  'model ls': [
    'versions',
    object({
      dataset: text,
      versions: list(
        object({
          version: integer,
          current: flag,
          names: list(text),
          createdAt: of(text, 'ISO 8601'),
          recipe: oneOf('scaled', 'sklearn'),
          rows: integer,
          columns: list(object({ name: text, modes: integer })),
          'comparison?': of(
            object({ champion: integer, verdict: oneOf(...verdicts), reason: text }),
            'of a version of fit --follow',
          ),
        }),
      ),
    }),
  ],
  'model show': [
    'a model',
    object({
      dataset: text,
      version: integer,
      createdAtMs: integer,
      ...modelContent,
      contentSha256: text,
      'comparison?': of(comparison, 'of a version of fit --follow'),
      'unseenFrom?': of(unseenFrom, 'raw rows that no fit had seen then'),
    }),
  ],
  'model show --check': [
    'a fit of the same rows, compared; exit code 1 if it differs',
    object({
      dataset: text,
      version: integer,
      isSame: flag,
      contentSha256: text,
      repeatedSha256: text,
      differing: of(list(text), 'columns that differ'),
      softwareVersion: text,
    }),
  ],
  'model promote': ['the current version', version],
  'model rollback': ['the current version', version],
  'model diff': [
    'two versions',
    object({
      dataset: text,
      versions: list(integer),
      columns: list(
        object({ name: text, modes: list(mode), movedMass: number, changedMode: number, distance: number }),
      ),
      removed: list(text),
      added: list(text),
    }),
  ],
  'model which': [
    'versions of rows',
    object({
      dataset: text,
      rows: list(object({ partition: integer, offset: integer, timestampMs: number, 'version?': integer })),
    }),
  ],
  'model export': ['the file that was written', object({ dataset: text, version: integer, file: text })],
  'model import': [
    'a published model',
    object({ ...fitted, promoted: of(flag, 'whether it is the current version now') }),
  ],
  'model card': ['the page that was written', object({ dataset: text, version: integer, file: text })],
  'model alias': ['a name', object({ dataset: text, name: text, version: orNull(integer) })],
  'model rm': ['the version that is deleted', version],
  drift: [
    'what has changed since the fit',
    object({
      dataset: text,
      version: integer,
      windows: integer,
      windowRows: integer,
      toLearn: of(integer, 'windows until the first verdict'),
      pendingRows: of(integer, 'rows that are counted and not judged yet'),
      'pendingUntilMs?': of(number, 'when the last open window is judged'),
      'intervalMs?': of(integer, 'how long a window is counted; missing without any rows'),
      isAlarm: flag,
      alarms: of(
        list(object({ fromMs: number, raisedMs: number, columns: list(text) })),
        'that began since --since, or last until now',
      ),
      'fromMs?': number,
      'toMs?': number,
      rows: of(integer, 'that the figures are of; a figure without any is null'),
      columns: list(
        object({
          name: text,
          rows: number,
          nullShare: orNull(number),
          outside: orNull(number),
          wasserstein: orNull(number),
          ks: orNull(number),
          psi: orNull(number),
          nats: orNull(number),
          trainedNats: orNull(number),
          modes: list(orNull(number)),
          atoms: list(object({ value: number, share: orNull(number), trained: number })),
          findings: list(driftFinding),
          sinceStart: of(
            list(object({ of: oneOf('values', 'nulls'), effect: number })),
            'what differs from the training rows since the first window, and by how much at least; no alarm',
          ),
        }),
      ),
    }),
  ],
  lag: [
    'groups and their distance from the end',
    object({
      groups: list(
        object({
          group: text,
          topic: text,
          'output?': of(text, 'of a replay'),
          partitions: list(
            object({
              partition: integer,
              'committed?': integer,
              end: integer,
              lag: integer,
              'movedMs?': number,
              'secondsLeft?': number,
            }),
          ),
          total: of(integer, 'rows behind, at most'),
          'secondsLeft?': number,
          'paused?': paused,
          'rate?': rate,
        }),
      ),
    }),
  ],
  pause: ['orders in force', steered],
  resume: ['orders in force', steered],
  rate: ['orders in force', steered],
  'dead-letters ls': [
    'dead letters by cause',
    object({
      rows: integer,
      groups: list(
        object({ ...letterPlace, 'schemaId?': schemaName, count: integer, firstOffset: integer, lastOffset: integer }),
      ),
    }),
  ],
  'dead-letters ls --rows': [
    'dead letters, one by one',
    object({
      letters: list(
        object({
          partition: integer,
          offset: integer,
          timestampMs: number,
          key: orNull(text),
          code: text,
          reason: text,
          stage: text,
          sourceTopic: text,
          sourcePartition: integer,
          sourceOffset: integer,
          'column?': text,
          'sourceLastOffset?': integer,
          'modelVersion?': integer,
          attempts: integer,
          'valueHex?': text,
          decoded,
        }),
      ),
    }),
  ],
  'dead-letters show': [
    'one dead letter',
    object({
      partition: integer,
      offset: integer,
      timestampMs: number,
      key: orNull(text),
      failure: { type: 'object', additionalProperties: text },
      headers: { type: 'object', additionalProperties: text },
      'valueHex?': text,
      'schemaId?': schemaName,
      decoded,
    }),
  ],
  'dead-letters export': ['a written file', object({ rows: integer })],
  'dead-letters retry': [
    'rows that were sent again',
    both(
      stage,
      object({
        retriedBefore: of(integer, 'dead letters that were sent before'),
        otherCodes: of(integer, 'of other codes than --code'),
        notRetriable: of(integer, 'whole batches, and rows of another topic'),
      }),
    ),
  ],
  'config show': [
    'settings in force',
    object({
      file: orNull(text),
      commands: list(
        object({
          command: text,
          settings: list(
            object({
              setting: text,
              value: orNull(text),
              source: oneOf('flag', 'environment', 'file', 'default', 'local'),
              from: orNull(text),
            }),
          ),
          'problem?': text,
        }),
      ),
    }),
  ],
  'config schema': ['the JSON Schema of the configuration file', { type: 'object' }],
  bench: [
    'rows per second; null for what was not measured',
    object({
      rows: integer,
      machine: { type: 'object' },
      wireCopy: speeds,
      wireCopySettings: { type: 'object' },
      fetch: orNull(number),
      load: speeds,
      generate: speeds,
      sample: orNull(number),
      fitRaw: orNull(number),
      normalize: speeds,
      restore: speeds,
      export: orNull(number),
      peers: { type: 'object' },
      ratios: { type: 'object' },
      rssBytes: { type: 'object' },
    }),
  ],
}

/** A value of a category column, as JSON has it. */
const category: JsonSchema = { type: ['string', 'number', 'boolean'] }

const span = object({
  column: of(text, 'of the rows; a path with dots for one in a nested record'),
  kind: of(
    oneOf('value', 'mode', 'score', 'bins', 'null', 'category'),
    'what stands there: the number within its mode; one-hot of the mode; the score by the mixture; the number in bins; ' +
      'one-hot of [present, null]; one-hot of the category',
  ),
  start: of(integer, 'first column of the training matrix'),
  width: of(integer, 'columns of the training matrix'),
  activation: of(oneOf('tanh', 'softmax', 'linear', 'sigmoid'), "of the generator's last layer; linear is none"),
  fileStart: of(integer, 'first column of the file; equal to start if the encoding is one-hot'),
  fileWidth: of(integer, 'columns of the file: 1 for a softmax span if the encoding is index'),
  'distribution?': of(oneOf('normal', 'uniform'), 'of kind score: that of scores'),
  'edges?': of(
    list(number),
    'of kind bins: one more than bins, ascending, in the unit of the column, of a constant twice itself; column t is ' +
      '(x - edges[t]) / (edges[t + 1] - edges[t]), cut to 0..1, but below only from the second bin on, and above only up to the last but one',
  ),
  'weight?': of(list(number), 'of kind score: of each mode; they need not sum to 1'),
  'mean?': of(list(number), 'of kind mode and score: of each mode, in the unit of the column'),
  'std?': of(list(number), 'of kind mode and score; of mode, x = 4 std value + mean'),
  'categories?': of(list(category), 'of kind category, in order of appearance; place i stands for category i'),
  'rareAt?': of(integer, 'of kind category: the place that all rare categories share, after the others'),
  'nullAt?': of(integer, 'of kind category: the place of null, the last one'),
  'counts?': of(list(integer), 'of kind mode, null and category: rows at each place'),
})

/** Files with JSON in them that a command writes, by the name of their schema. */
export const files: Readonly<Record<string, readonly [about: string, schema: JsonSchema]>> = {
  model: [
    'a model: written by vgm model export and the Python package, read by vgm model import',
    object({
      'dataset?': of(text, 'whose model it was; an import gives it to the data set of its flag'),
      'version?': of(integer, 'where it was exported; an import gives it the next one'),
      'createdAtMs?': of(integer, 'likewise'),
      ...modelContent,
      'contentSha256?': of(text, 'of the content; a file that does not match it is refused'),
      'comparison?': of(comparison, 'of a version of fit --follow; not imported'),
      'unseenFrom?': of(unseenFrom, 'likewise'),
    }),
  ],
  spans: [
    'what the columns of a training matrix are: written by vgm export --as, read by vgm load --as',
    object({
      formatVersion: of(integer, '1'),
      as: of(oneOf('ctgan', 'quantile', 'ple'), 'what the matrix is for: it determines the spans of numbers'),
      dataset: text,
      topic: of(text, 'of the normalized rows'),
      model: of(
        object({ version: integer, contentSha256: text }),
        'the model of all rows; its version and the hash of its content',
      ),
      file: of(text, 'name of the matrix, which is beside this file'),
      fileFormat: oneOf('npy', 'parquet', 'arrow'),
      encoding: of(
        oneOf('one-hot', 'index'),
        'how the file has softmax spans: as they are, or the place of the 1 as one number, counted from 0',
      ),
      rows: of(integer, 'rows of the matrix'),
      width: of(integer, 'columns of the training matrix'),
      fileWidth: of(integer, 'columns of the file'),
      clip: of(orNull(number), 'values and normal scores are between -clip and clip; null: only by what float32 holds'),
      spans: of(list(span), 'in the order of the matrix; they leave no gap'),
      columns: of(
        list(
          object({
            name: text,
            kind: oneOf('continuous', 'discrete'),
            type: of(text, 'Avro type of the raw column: int, long, float, double, decimal, string, boolean, enum'),
            start: of(integer, 'first column of the training matrix'),
            width: of(integer, 'columns of all of its spans'),
            nulls: of(integer, 'rows that are null'),
            'fill?': of(number, 'of kind continuous: the number that stands in for null, in the unit of the column'),
            'clipped?': of(integer, 'of kind continuous: numbers that were cut'),
            'roundTo?': of(integer, 'of kind continuous: decimals that restored values are rounded to'),
            'rare?': of(
              object({ categories: list(category), counts: list(integer) }),
              'of kind discrete: the categories that share a place, and rows of each',
            ),
          }),
        ),
        'in the order of the matrix',
      ),
      leftOut: of(list(object({ column: text, reason: text })), 'columns of the rows that the matrix does not have'),
      rawSchema: of(text, 'Avro schema of a raw row that has these columns alone'),
    }),
  ],
}

/** @example schemaFile('model show --check') // 'model-show-check.schema.json' */
export const schemaFile = (command: string): string => `${command.replaceAll(/[ -]+/g, '-')}.schema.json`

/** The schema as it is published. Later versions may add fields. */
export function resultSchema(command: string): JsonSchema {
  const [about, schema] = results[command]
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: `vgm ${command} --json`,
    description: about,
    ...schema,
  }
}

/** The schema of a file. */
export function fileSchema(name: string): JsonSchema {
  const [about, schema] = files[name]
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: `${name}.json`, description: about, ...schema }
}

/** The document that describes them all. */
export function jsonDocument(): string {
  const parts = Object.entries(results).map(([command, [about, schema]]) =>
    [
      `### \`vgm ${command}\``,
      `${about[0].toUpperCase()}${about.slice(1)}.\n[${schemaFile(command)}](../schemas/json/${schemaFile(command)})`,
      ...(schema.properties === undefined ? [] : [fieldTable(schema)]),
    ].join('\n\n'),
  )
  const written = Object.entries(files).map(([name, [about, schema]]) =>
    [
      `### ${name}.json`,
      `A file: ${about}.\n[${schemaFile(name)}](../schemas/json/${schemaFile(name)})`,
      fieldTable(schema),
    ].join('\n\n'),
  )
  return `${[...parts, ...written].join('\n\n')}\n`
}

function fieldTable(schema: JsonSchema): string {
  const rows = fieldsOf(schema, '').map(([name, type, about]) => `| \`${name}\` | ${type} | ${about} |`)
  return ['| field | type | meaning |', '|---|---|---|', ...rows].join('\n')
}

function fieldsOf(schema: JsonSchema, path: string): [name: string, type: string, about: string][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]): [string, string, string][] => {
    const whole = `${path}${name}`
    const isNeeded = schema.required?.includes(name) === true
    const about = field.description ?? ''
    const below = field.type === 'array' && field.items !== undefined ? fieldsOf(field.items, `${whole}[].`) : []
    return [
      [whole, `${typeName(field)}${isNeeded ? '' : ', optional'}`, about],
      ...below,
      ...fieldsOf(field, `${whole}.`),
    ]
  })
}

function typeName({ type, items, anyOf, enum: values }: JsonSchema): string {
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(' or ')
  if (anyOf !== undefined) return anyOf.map(typeName).join(' or ')
  if (type === 'array') return items?.properties === undefined ? `list of ${typeName(items ?? {})}` : 'list'
  return typeof type === 'string' ? type : (type ?? ['any']).join(' or ')
}
