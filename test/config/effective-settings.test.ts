import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Option } from 'commander'
import { stringify } from 'yaml'
import { securityOptions } from '../../src/config/security-options.ts'
import { type Setting, settingsOf } from '../../src/config/setting.ts'
import { schemaOf } from '../../src/config/setting-value.ts'
import { parseCount, parseLimit, parseList } from '../../src/config/value-parsers.ts'
import { commandAt, configFile, inForce, leaves, programWith } from './test-settings.ts'

/** Three different texts that the flag takes, for the three places. */
function textsFor(setting: Setting): readonly [string, string, string] {
  if (setting.key === 'spec') return ['a:int=normal(0,1)', 'b:int=normal(0,1)', 'c:int=normal(0,1)']
  if (setting.key === 'types') return ['a:INT', 'b:INT', 'c:INT']
  if (['from', 'to', 'at', 'model', 'shadow'].includes(setting.key)) return ['1', '2', '3']
  if (['max-model-age', 'since', 'interval', 'every'].includes(setting.key)) return ['1d', '2h', '3m']
  if (setting.key === 'http') return ['9464', '9465', '9466']
  const schema = schemaOf(setting)
  const { type, minimum = 0, enum: choices = schema.anyOf?.[1].items?.enum } = schema.anyOf?.[0] ?? schema
  // The last choice is the default of none.
  if (choices !== undefined) return [choices[0], choices[choices.length - 1], choices[1] ?? choices[0]]
  if (type === 'integer') return [`${minimum + 11}`, `${minimum + 12}`, `${minimum + 13}`]
  return type === 'number' ? ['0.25', '0.125', '0.0625'] : ['one', 'two', 'three']
}

suite('every flag of every command', () => {
  test('goes before its variable, that before the file, and that before the default', async (t) => {
    let checked = 0
    for (const { name, path } of leaves().map((leaf) => ({ name: leaf.name(), path: pathOf(leaf) }))) {
      const command = commandAt(path)
      command.saveStateBeforeParse()
      for (const setting of settingsOf(command)) {
        const { key } = setting
        if (key === 'config') continue
        const where = `${path} --${key} of ${name}`
        const isSwitch = schemaOf(setting).type === 'boolean'
        const isDenied = setting.option.negate
        const [flag, variable] = isSwitch ? [String(!isDenied), String(isDenied)] : textsFor(setting)
        const inFile = isSwitch ? flag : textsFor(setting)[2]
        const yaml = stringify(
          path.split(' ').reduceRight<unknown>((below, each) => ({ [each]: below }), {
            [key]: isSwitch ? inFile === 'true' : inFile,
          }),
        )
        const file = configFile(t, command, yaml)
        const environment = { [setting.variable]: variable }
        const flags = isSwitch ? [`--${isDenied ? 'no-' : ''}${key}`] : [`--${key}=${flag}`]
        const given = (...args: Parameters<typeof inForce>) => {
          const { source, text } = inForce(...args).get(key) ?? {}
          return { source, text }
        }
        deepEqual(given(command, {}).source, 'default', where)
        deepEqual(given(command, { file }), { source: 'file', text: inFile }, where)
        deepEqual(given(command, { file, environment }), { source: 'environment', text: variable }, where)
        deepEqual(given(command, { file, environment, flags }), { source: 'flag', text: flag }, where)
        // A command keeps the flags that it was given.
        command.restoreStateBeforeParse()
        checked++
      }
    }
    ok(checked > 200, String(checked))
  })

  test('has a variable made from its name, but for those that others know too', () => {
    const odd = new Map<string, Set<string>>()
    for (const setting of leaves().flatMap(settingsOf))
      if (setting.variable !== `VGM_${setting.key.toUpperCase().replaceAll('-', '_')}`)
        odd.set(setting.key, (odd.get(setting.key) ?? new Set()).add(setting.variable))
    deepEqual([...(odd.get('brokers') ?? [])].sort(), ['KAFKA_BROKERS', 'VGM_BENCH_BROKERS', 'VGM_DEMO_BROKERS'])
    deepEqual([...(odd.get('registry') ?? [])].sort(), [
      'SCHEMA_REGISTRY_URL',
      'VGM_BENCH_REGISTRY',
      'VGM_DEMO_REGISTRY',
    ])
    const secured = securityOptions.map(({ flags }) => flags.split(' ')[0].slice(2))
    deepEqual([...odd.keys()].sort(), ['brokers', 'registry', ...secured].sort())
  })
})

suite('the effective value of a setting', () => {
  const work = () =>
    programWith((command) =>
      command
        .option('--columns <list>', 'of a table', parseList)
        .option('--members <n>', 'threads', parseCount, 1)
        .option('--clip <magnitude>', 'a limit', parseLimit, Infinity)
        .option('--fast', 'a switch')
        .option('--no-colour', 'a switch that is on')
        .addOption(new Option('--how <way>', 'a choice').choices(['one', 'other'])),
    )

  test('of a list is the same with commas, in a variable, and as a list of the file', (t) => {
    const expected = ['a', 'b c']
    const value = (options: Parameters<typeof inForce>[1]) => inForce(work(), options).get('columns')?.value
    deepEqual(value({ flags: ['--columns', 'a, b c'] }), expected)
    deepEqual(value({ environment: { VGM_COLUMNS: 'a,b c' } }), expected)
    deepEqual(value({ file: configFile(t, work(), 'work: { columns: [a, b c] }') }), expected)
    deepEqual(value({ file: configFile(t, work(), 'work: { columns: "a,b c" }') }), expected)
    throws(() => value({ file: configFile(t, work(), 'work: { columns: ["a,b"] }') }), /work\.columns.*invalid/)
    throws(() => value({ file: configFile(t, work(), 'work: { columns: [[a]] }') }), /work\.columns.*invalid/)
    throws(() => value({ file: configFile(t, work(), 'work: { columns: [] }') }), /work\.columns.*invalid/)
  })

  test('of a list that is given several times has all items, each once', () => {
    const value = (...flags: string[]) => inForce(work(), { flags }).get('columns')
    deepEqual(value('--columns', 'a', '--columns', 'b,c')?.value, ['a', 'b', 'c'])
    equal(value('--columns', 'a', '--columns', 'b,c')?.text, 'a,b,c')
    deepEqual(value('--columns', 'a,b', '--columns', 'b')?.value, ['a', 'b'])
  })

  test('of a list is all of it for every flag of every command', () => {
    const items: Readonly<Record<string, [string, string]>> = {
      types: ['a:VARCHAR', 'b:DOUBLE'],
      only: ['load', 'sample'],
      without: ['load', 'sample'],
      shapes: ['orders', 'flights'],
    }
    let checked = 0
    for (const command of leaves())
      for (const setting of settingsOf(command)) {
        const { option, key } = setting
        const { parseArg } = option
        if (parseArg === undefined || schemaOf(setting).anyOf?.some(({ type }) => type === 'array') !== true) continue
        const [one, other] = items[key] ?? ['a:1', 'b:2']
        deepEqual(parseArg(other, parseArg(one, undefined)), parseArg(`${one},${other}`, undefined), option.flags)
        checked++
      }
    ok(checked > 10, String(checked))
  })

  test('of a number that is given twice is the last one', () => {
    equal(inForce(work(), { flags: ['--members', '2', '--members', '3'] }).get('members')?.value, 3)
  })

  test('of a number may be written as people write large ones', (t) => {
    const value = (yaml: string, key = 'members') =>
      inForce(work(), { file: configFile(t, work(), `work: { ${yaml} }`) }).get(key)?.value
    equal(value('members: 1e6'), 1_000_000)
    equal(value('members: 1_000_000'), 1_000_000)
    equal(value('members: "12"'), 12)
    equal(value('clip: .inf', 'clip'), Infinity)
    equal(value('clip: 0.99', 'clip'), 0.99)
    throws(() => value('members: 1.5'), /work\.members: "1.5" is invalid/)
    throws(() => value('members: [1]'), /work\.members: \[1\] is invalid/)
    throws(() => value('members: true'), /work\.members: true is invalid/)
    throws(() => inForce(work(), { environment: { VGM_MEMBERS: 'many' } }), /VGM_MEMBERS: "many" is invalid/)
  })

  test('of a switch is true or false everywhere, and off unless somebody says so', (t) => {
    const fast = (options: Parameters<typeof inForce>[1]) => inForce(work(), options).get('fast')?.value
    equal(fast({}), undefined)
    equal(fast({ flags: ['--fast'], environment: { VGM_FAST: 'false' } }), true)
    for (const [text, value] of [
      ['true', true],
      ['1', true],
      ['FALSE', false],
      ['0', false],
    ] as const)
      equal(fast({ environment: { VGM_FAST: text } }), value)
    equal(fast({ environment: { VGM_FAST: 'false' }, file: configFile(t, work(), 'work: { fast: true }') }), false)
    throws(() => fast({ environment: { VGM_FAST: 'yes please' } }), /VGM_FAST: "yes please" is invalid\b/)
    throws(() => fast({ file: configFile(t, work(), 'work: { fast: 1 }') }), /work\.fast: 1 is invalid/)
  })

  test('of a switch that is denied by its flag has the name without "no-"', (t) => {
    const colour = (options: Parameters<typeof inForce>[1]) => inForce(work(), options).get('colour')?.value
    equal(colour({}), true)
    equal(colour({ flags: ['--no-colour'], environment: { VGM_COLOUR: 'true' } }), false)
    equal(colour({ environment: { VGM_COLOUR: 'false' } }), false)
    equal(colour({ file: configFile(t, work(), 'work: { colour: false }') }), false)
  })

  test('that is empty counts as none in a variable and in the file, as a template leaves it', (t) => {
    const file = configFile(t, work(), 'work:\n  how:\n  members: 2\n')
    const settings = inForce(work(), { environment: { VGM_HOW: '', VGM_MEMBERS: '' }, file })
    equal(settings.get('how')?.source, 'default')
    equal(settings.get('members')?.value, 2)
  })

  test('of a flag with choices is one of them', (t) => {
    throws(() => inForce(work(), { environment: { VGM_HOW: 'third' } }), /VGM_HOW: "third" is invalid/)
    throws(() => inForce(work(), { file: configFile(t, work(), 'work: { how: third }') }), {
      code: 'VGM_USAGE',
      fix: 'Allowed choices are one, other',
    })
  })
})

suite('two settings that exclude each other', () => {
  const sizes = (
    { flags, environment, yaml }: { flags?: string[]; environment?: Record<string, string>; yaml?: string },
    t: Parameters<typeof configFile>[0],
  ) => {
    const command = commandAt('sample')
    const settings = inForce(command, {
      ...(flags !== undefined && { flags }),
      ...(environment !== undefined && { environment }),
      ...(yaml !== undefined && { file: configFile(t, command, yaml) }),
    })
    return [settings.get('rate')?.value, settings.get('rows')?.value]
  }

  test('leave the one from the stronger source', (t) => {
    deepEqual(sizes({ flags: ['--rate', '0.5'], yaml: 'sample: { rows: 100 }' }, t), [0.5, undefined])
    deepEqual(sizes({ flags: ['--rows', '7'], environment: { VGM_RATE: '0.5' } }, t), [undefined, 7])
    deepEqual(sizes({ environment: { VGM_RATE: '0.5' }, yaml: 'sample: { rows: 100 }' }, t), [0.5, undefined])
  })

  test('are refused from one source, and both are named', (t) => {
    throws(
      () => sizes({ environment: { VGM_RATE: '0.5', VGM_ROWS: '7' } }, t),
      /VGM_RATE and VGM_ROWS exclude each other/,
    )
    throws(
      () => sizes({ yaml: 'sample: { rows: 100, rate: 0.5 }' }, t),
      /sample\.rate and .*sample\.rows exclude each other/,
    )
    throws(() => sizes({ flags: ['--rows', '7', '--rate', '0.5'] }, t), /--rate and --rows exclude each other/)
  })
})

/** @example 'model ls' */
function pathOf(command: { name(): string; parent: { name(): string; parent: unknown } | null }): string {
  const { parent } = command
  return parent === null || parent.parent === null ? command.name() : `${parent.name()} ${command.name()}`
}
