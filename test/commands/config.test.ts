import { deepEqual, equal, match } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { redact, redacted } from '../../src/config/setting-value.ts'
import { oneLineError, temporaryFolder, vgm, vgmShared } from './run-command.ts'

suite('vgm config show', () => {
  test('says what is in force and where each value comes from', async (t) => {
    const file = join(temporaryFolder(t), 'vgm.yaml')
    writeFileSync(file, 'dataset: trips\nnormalize: { members: 2, clip: 0.99 }\n')
    const environment = { VGM_CONFIG: file, VGM_MEMBERS: '3', KAFKA_BROKERS: 'one:9092' }
    const show = ['config', 'show', 'normalize', '--seed', '7', '--until-end']
    const { code, out, err } = await vgm([...show, '--json'], { environment })
    equal(code, 0, err)
    const result = JSON.parse(out)
    equal(result.file, file)
    deepEqual(
      result.commands.map(({ command }: { command: string }) => command),
      ['vgm normalize'],
    )
    const settings = new Map(
      result.commands[0].settings.map(({ setting, ...rest }: { setting: string }) => [setting, rest]),
    )
    deepEqual(settings.get('dataset'), { value: 'trips', source: 'file', from: `${file}: dataset` })
    deepEqual(settings.get('clip'), { value: '0.99', source: 'file', from: `${file}: normalize.clip` })
    deepEqual(settings.get('members'), { value: '3', source: 'environment', from: 'VGM_MEMBERS' })
    deepEqual(settings.get('brokers'), { value: 'one:9092', source: 'environment', from: 'KAFKA_BROKERS' })
    deepEqual(settings.get('seed'), { value: '7', source: 'flag', from: '--seed' })
    deepEqual(settings.get('until-end'), { value: 'true', source: 'flag', from: '--until-end' })
    deepEqual(settings.get('json'), { value: 'true', source: 'flag', from: '--json' })
    deepEqual(settings.get('compression'), { value: 'none', source: 'default', from: null })
    deepEqual(settings.get('group'), { value: null, source: 'default', from: null })
    const text = await vgmShared(show, { environment })
    match(text.out, /^vgm normalize\n {2}setting +value +from\n/)
    match(text.out, /^ {2}members +3 +VGM_MEMBERS$/m)
  })

  test('shows all commands unless one is named, and those of a command of commands', async () => {
    const environment = { VGM_CLUSTER: undefined, VGM_MIN_WEIGHT: '7' }
    const commandsOf = async (...words: string[]) =>
      JSON.parse((await vgmShared(['config', 'show', ...words, '--json'], { environment })).out).commands.map(
        ({ command }: { command: string }) => command,
      )
    const all = await commandsOf()
    for (const name of ['vgm load', 'vgm model ls', 'vgm config schema']) equal(all.includes(name), true, name)
    // A value that one command refuses does not hide the others.
    const { code, out } = await vgm(['config', 'show'], { environment })
    equal(code, 2)
    match(out, /^vgm fit\n {2}error: VGM_MIN_WEIGHT: "7" is invalid\. Write a number/m)
    match(out, /^vgm lag\n {2}setting/m)
    const ofLetters = ['ls', 'show', 'export', 'retry'].map((name) => `vgm dead-letters ${name}`)
    deepEqual(await commandsOf('dead-letters'), ofLetters)
  })

  test('refuses commands and flags that there are not, with the ones that were meant', async () => {
    for (const [words, what] of [
      [['nrmalize'], /vgm has no command "nrmalize"\. Did you mean "normalize"\?/],
      [['normalize', '--membrs', '2'], /vgm normalize has no flag --membrs\. Did you mean --members\?/],
      [['normalize', '--members', 'x'], /--members .*'x' is invalid/],
    ] as const) {
      const { code, out, err } = await vgmShared(['config', 'show', ...words])
      equal(code, 2, err)
      equal(out, '')
      match(err, oneLineError)
      match(err, what)
    }
  })

  test('shows no secret: neither of a variable nor in an address', async () => {
    const environment = { SCHEMA_REGISTRY_URL: 'https://me:canary@registry:8081/x', KAFKA_SASL_PASSWORD: 'canary' }
    for (const more of [[], ['--json']]) {
      const { out } = await vgmShared(['config', 'show', 'lag', ...more], { environment })
      equal(out.includes('canary'), false)
      match(out, /https:\/\/\*+@registry:8081\/x/)
      match(out, /KAFKA_SASL_PASSWORD.*\*{8}/)
    }
    equal(redact('http://a:b@c, http://d:e@f/'), `http://${redacted}@c, http://${redacted}@f/`)
    equal(redact('http://plain:1/a@b'), 'http://plain:1/a@b')
  })
})

suite('vgm config schema', () => {
  test('prints the schema, on one line with --json', async () => {
    const [{ out }, json] = [await vgmShared(['config', 'schema']), await vgmShared(['config', 'schema', '--json'])]
    deepEqual(JSON.parse(out), JSON.parse(json.out))
    equal(json.out.trim().split('\n').length, 1)
  })
})
