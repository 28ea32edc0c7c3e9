import { deepEqual, equal, match } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { commandsOf, datasetNames, type UiNames } from '../../src/ui/dataset-names.ts'
import { temporaryFolder } from '../commands/run-command.ts'
import { parseCommandLine } from '../helm/parse-command-line.ts'

const others: UiNames = {
  topics: { raw: 'events', sample: 'some', normalized: 'pairs', deadLetters: 'bad', restored: 'back' },
  groups: { normalize: "it's mine", restore: 'r' },
  modelsTopic: 'm',
  positionsTopic: 'p',
  statsTopic: 's',
  controlTopic: 'c',
}

/** Each command of a line, as the shell gives it to vgm. */
function commands(line: string): string[][] {
  return line.split(' && ').map((command) => {
    const words = [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c)
    equal(words[0], 'vgm')
    return words.slice(1)
  })
}

suite('the commands that the dashboard shows', () => {
  for (const [what, names] of [
    ['the defaults', {}],
    ['other names', others],
  ] as const)
    test(`are ones that vgm has, with ${what}`, async (t) => {
      const folder = temporaryFolder(t)
      const { resume, ...lines } = commandsOf(datasetNames('trips', names))
      for (const line of [...Object.values(lines), ...Object.values(resume)])
        for (const args of commands(line)) await parseCommandLine(args, '', folder)
    })

  test('name what is not called as usual, and nothing else', () => {
    const usual = commandsOf(datasetNames('trips', {}))
    deepEqual(
      [usual.normalize, usual.load, usual.resume.normalize],
      ['vgm normalize --dataset trips', 'vgm load --dataset trips FILE', 'vgm resume normalize --dataset trips'],
    )
    const { normalize, load, resume, fit } = commandsOf(datasetNames('trips', others))
    match(normalize, /--raw-topic events .*--group "it's mine" .*--models-topic m --positions-topic p$/)
    match(load, /--topic events .* FILE$/)
    match(fit, /^vgm sample .*--sample-topic some .* && vgm fit .*--sample-topic some/)
    match(resume.restore, /^vgm resume --dataset trips --group r --control-topic c/)
  })
})
