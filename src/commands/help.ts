import { type Command, Help, Option } from 'commander'
import { settingsOf } from '../config/setting.ts'

// The help of a command has its usual flags, which fit on a screen; --help-all has all of them, in groups.

const usual = 'Options:'
/** Over the flags that nearly all commands have. */
export const clusterHeading = 'Cluster, topics, log:'

/** Over the flags of matrices. */
export const matrixHeading = 'With --as:'

/**
 * Headings of the flags that few need, and the flags: of those that several commands have, they are one and the same.
 */
const headings = {
  'The file:': [
    ...['format', 'csv-safe', 'position', 'workers', 'default-timestamp', 'skip-unreadable', 'not-null', 'delimiter'],
    ...['quote', 'header', 'encoding', 'skip-lines', 'null', 'types', 'decimal-mark', 'thousands', 'units'],
    ...['date-format'],
  ],
  [matrixHeading]: ['spans', 'synthetic', 'categories', 'leave-out', 'rare', 'indices', 'output-distribution', 'bins'],
  'With --follow:': ['every', 'on-drift', 'recent', 'min-gain', 'require-approval', 'rounds'],
  'Operation and tuning:': [
    ...['components', 'recipe', 'http', 'ui', 'max-rate', 'normalize-group', 'restore-group'],
    ...['allow-empty-output', 'batch-rows', 'compression', 'concentration', 'delivery', 'grace-ms', 'instance'],
    ...['interval', 'join', 'max-dead-letters', 'max-iterations', 'max-memory', 'max-model-age', 'min-weight'],
    ...['mode-choice', 'on-invalid', 'rebuild-positions', 'rename-record', 'rename-version-field', 'seed'],
    ...['tolerance', 'traces'],
  ],
  [clusterHeading]: [
    ...['brokers', 'registry', 'models-topic', 'positions-topic', 'stats-topic', 'control-topic', 'raw-topic'],
    ...['sample-topic', 'normalized-topic', 'dead-letter-topic', 'restored-topic', 'debug', 'log-level', 'config'],
  ],
} as const

const headingOf = new Map<string, string>(
  Object.entries(headings).flatMap(([heading, keys]) => keys.map((key) => [key, heading] as const)),
)

/** Commands whose whole help is asked for. */
const shownWhole = new WeakSet<Command>()

export const isShownWhole = (command: Command): boolean => shownWhole.has(command)

/** Once the command's settings are declared: --help and --help-all are none. */
export function declareHelp(command: Command): void {
  for (const { key, option } of settingsOf(command))
    option.helpGroup(option.helpGroupHeading ?? headingOf.get(key) ?? usual)
  command.configureHelp({ visibleOptions, groupItems, optionDescription: describe(command) })
  if (settingsOf(command).length === 0) return
  command.addOption(new Option('--help-all', 'all flags: files, tuning, brokers, topics, log').helpGroup(usual))
  command.on('option:help-all', () => {
    shownWhole.add(command)
    command.help()
  })
}

/** The usual ones first, a group after the other. */
function visibleOptions(this: Help, command: Command): Option[] {
  const order = [usual, ...Object.keys(headings)]
  const place = ({ helpGroupHeading = usual }: Option) => order.indexOf(helpGroupHeading)
  return Help.prototype.visibleOptions
    .call(this, command)
    .filter((option) => isShownWhole(command) || place(option) === 0)
    .sort((a, b) => place(a) - place(b) || rank(a) - rank(b))
}

/** The groups in the order of what is shown, not in that of the declarations. */
const groupItems: Help['groupItems'] = (_, visible, groupOf) => Help.prototype.groupItems(visible, visible, groupOf)

/** What all commands have comes after what a command is about. */
const common = ['--json', '--help', '--help-all']
const rank = ({ long }: Option) => common.indexOf(long ?? '')

/** Commander describes an option's variable only if it reads it itself. */
function describe(command: Command): (this: Help, option: Option) => string {
  return function (option) {
    const envVar = isShownWhole(command)
      ? settingsOf(command).find((setting) => setting.option === option)?.variable
      : undefined
    return Help.prototype.optionDescription.call(this, Object.create(option, { envVar: { value: envVar } }) as Option)
  }
}
