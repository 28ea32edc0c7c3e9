import { deepEqual, equal, throws } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nearestName } from '../../src/nearest-name.ts'
import { commandAt, configFile, inForce } from './test-settings.ts'

type Test = Parameters<typeof configFile>[0]

const refused = (t: Test, yaml: string, message: RegExp, fix: RegExp) =>
  throws(() => configFile(t, commandAt('lag'), yaml), { code: 'VGM_USAGE', message, fix })

suite('a configuration file', () => {
  test('serves all commands: what stands at the top, and a section of each that goes before it', (t) => {
    const yaml = `
dataset: trips
raw-topic: trips.in
compression: zstd
normalize:
  members: 4
  compression: lz4
dead-letters:
  topic: trips.dlq
  show: { topic: trips.dlq-old }
model:
  dataset: flights
`
    const value = (path: string, key: string) => {
      const command = commandAt(path)
      const { value: given, from } = inForce(command, { file: configFile(t, command, yaml) }).get(key) ?? {}
      return [given, from?.replace(/.*: /, '')]
    }
    deepEqual(value('normalize', 'raw-topic'), ['trips.in', 'raw-topic'])
    deepEqual(value('normalize', 'compression'), ['lz4', 'normalize.compression'])
    deepEqual(value('restore', 'compression'), ['zstd', 'compression'])
    deepEqual(value('restore', 'members'), [1, undefined])
    deepEqual(value('dead-letters ls', 'topic'), ['trips.dlq', 'dead-letters.topic'])
    deepEqual(value('dead-letters show', 'topic'), ['trips.dlq-old', 'dead-letters.show.topic'])
    deepEqual(value('model ls', 'dataset'), ['flights', 'model.dataset'])
    deepEqual(value('replay', 'model'), [undefined, undefined])
  })

  test('a configuration file may be empty', (t) => {
    const command = commandAt('lag')
    equal(inForce(command, { file: configFile(t, command, '# nothing yet\n') }).get('dataset')?.source, 'default')
  })

  test('is refused with a key that nobody knows, and the nearest one is named', (t) => {
    refused(t, 'brokrs: a:1', /"brokrs" is neither a setting nor a command/, /Did you mean "brokers"\?/)
    refused(t, 'nromalize: { members: 2 }', /"nromalize" is neither a setting nor a command/, /"normalize"/)
    refused(t, 'normalize: { until_end: true }', /normalize: "until_end"/, /"until-end"/)
    refused(t, 'model: { shwo: {} }', /model: "shwo"/, /"show"/)
    refused(
      t,
      'model: { show: { datasets: d } }',
      /model\.show: "datasets" is no setting of vgm model show/,
      /"dataset"/,
    )
    refused(t, 'quux: 1', /"quux"/, /^Use one of .*\bdataset\b.*\bnormalize\b/)
    refused(t, 'config: other.yaml', /"config" is a command/, /below "config:"/)
    refused(t, 'lag: { config: other.yaml }', /lag: "config"/, /Use one of/)
  })

  test('is refused with a key at the top that differs from command to command', (t) => {
    refused(
      t,
      'rows: 100',
      /"rows" does not mean the same in all commands/,
      /section of a command: generate, sample, dead-letters, bench/,
    )
    refused(t, 'group: g', /"group" does not mean the same in all commands/, /normalize, restore, replay/)
  })

  test('is refused with a section that holds a value, and with a key twice', (t) => {
    refused(t, 'normalize: yes', /"normalize" is a command/, /below "normalize:"/)
    refused(t, 'dataset: a\ndataset: b', /unique/, /YAML/)
  })
})

suite('the nearest known name of a wrong one', () => {
  test('is the one with the fewest letters changed, and none if all are other words', () => {
    const names = ['dataset', 'debug', 'rows', 'rate', 'members']
    equal(nearestName('datset', names), 'dataset')
    equal(nearestName('rwos', names), 'rows')
    equal(nearestName('Members', names), 'members')
    equal(nearestName('rat', names), 'rate')
    equal(nearestName('brokers', names), undefined)
    equal(nearestName('x', names), undefined)
  })
})
