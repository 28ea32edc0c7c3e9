import { deepEqual, equal } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { isSwitch } from '../../src/config/setting-value.ts'
import { commandAt, configFile, inForce, leaves } from './test-settings.ts'

const markdown = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
const [, yaml] = /```yaml\n([^`]+)```/.exec(markdown) ?? []

suite('docs/configuration.md', () => {
  test('has an example of a file that every command takes', (t) => {
    for (const command of leaves()) inForce(command, { file: configFile(t, command, yaml) })
    const normalize = commandAt('normalize')
    const settings = inForce(normalize, { file: configFile(t, normalize, yaml) })
    equal(settings.get('members')?.value, 4)
    equal(settings.get('brokers')?.value, 'kafka-1:9092,kafka-2:9092')
    const load = commandAt('load')
    deepEqual(inForce(load, { file: configFile(t, load, yaml) }).get('types')?.value, {
      fare: 'DOUBLE',
      distance: 'INTEGER',
    })
  })

  test('shows of that file what "vgm config show" says', (t) => {
    const [, table] = /vgm restore\n([^`]+)```/.exec(markdown) ?? []
    const restore = commandAt('restore')
    const settings = inForce(restore, {
      flags: ['--until-end'],
      environment: { VGM_MEMBERS: '3' },
      file: configFile(t, restore, yaml),
    })
    const shown = table
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/ {2,}/))
    deepEqual(
      shown.map(([setting]) => setting),
      [...settings.values()].filter(({ setting }) => !setting.option.hidden).map(({ setting }) => setting.key),
    )
    for (const [setting, value, from] of shown) {
      if (setting === 'config') continue
      const effective = settings.get(setting)!
      const { text = isSwitch(effective.setting) ? 'false' : '-', source } = effective
      equal(value, text, setting)
      const isFile = from.startsWith('vgm.yaml')
      equal(source, isFile ? 'file' : from === 'default' ? 'default' : from.startsWith('--') ? 'flag' : 'environment')
    }
  })
})
