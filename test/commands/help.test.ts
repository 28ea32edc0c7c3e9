import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Command } from 'commander'
import { createProgram } from '../../src/commands/command-line.ts'
import { commandName, settingsOf } from '../../src/config/setting.ts'
import { run, vgm, vgmShared } from './run-command.ts'

/** Names of the commands that a help text lists. */
function listed(help: string): string[] {
  const commands = help.slice(help.search(/^(Start here|Commands):$/m))
  return [...commands.matchAll(/^ {2}([a-z-]+)(?: \[options\]| <\w+(?:\.\.\.)?>| \[\w+\])*(?: {2}|$)/gm)]
    .map(([, name]) => name)
    .filter((name) => name !== 'help')
}

async function helpOf(command: readonly string[]): Promise<string> {
  const { code, out, err } = await vgmShared([...command, '--help'])
  equal(code, 0, err)
  equal(err, '')
  return out
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

function assertFits(help: string, command: readonly string[]): void {
  const wide = help.split('\n').filter((line) => line.length > 80)
  deepEqual(wide, [], `vgm ${command.join(' ')} --help`)
}

suite('help of commands', () => {
  test('whoever reads only the first line of it, as head does, meets no error', async () => {
    const { code, out, err } = await run('bash', [
      '-c',
      'set -o pipefail; "$1" src/main.ts --help | true',
      '-',
      process.execPath,
    ])
    deepEqual({ code, out, err }, { code: 0, out: '', err: '' })
  })

  test('lists the commands and says where to begin, in 80 columns', async () => {
    const { out: help } = await vgm(['--help'])
    assertFits(help, [])
    match(help, /vgm demo/)
    for (const name of [
      'demo',
      'up',
      'load',
      'fit',
      'normalize',
      'restore',
      'replay',
      'verify',
      'model',
      'dead-letters',
    ])
      ok(listed(help).includes(name), name)
  })

  test('of every command has an example of that command, in 80 columns', async () => {
    const left = listed(await helpOf([])).map((name) => [name])
    for (let command = left.pop(); command !== undefined; command = left.pop()) {
      const help = await helpOf(command)
      assertFits(help, command)
      match(help, new RegExp(`^Example:\n {2}\\$ vgm ${command.join(' ')}\\b`, 'm'))
      const [name] = command
      if (/^Commands:$/m.test(help)) left.push(...listed(help).map((below) => [name, below]))
    }
  })

  test('names the flags of a matrix beside --as', async () => {
    match(await helpOf(['load']), /--as .*--spans and --synthetic/)
    for (const flag of ['spans', 'categories', 'leave-out', 'rare', 'clip', 'indices', 'bins'])
      match(await helpOf(['export']), new RegExp(`--as [^(]*--${flag}\\b`))
  })

  test('of every command fits on a screen of 24 lines, and --help-all has the other flags in groups', async () => {
    // Those for shells have no settings, and no flags but --help.
    for (const command of leaves(createProgram()).filter((each) => settingsOf(each).length > 0)) {
      const words = commandName(command).split(' ').slice(1)
      const [usual, all] = [await helpOf(words), (await vgmShared([...words, '--help-all'])).out]
      // The prompt takes a line.
      ok(usual.split('\n').length <= 24, `${words.join(' ')} --help has ${usual.split('\n').length} lines`)
      assertFits(all, words)
      const own = settingsOf(command).filter(({ option }) => !option.hidden)
      for (const { option, variable } of own) {
        ok(all.includes(`${option.long} `) || all.includes(`${option.long}\n`), `${words.join(' ')} ${option.long}`)
        ok(all.replaceAll(/\n */g, ' ').includes(variable), `${words.join(' ')} ${variable}`)
      }
      const places = ['Options:', 'The file:', 'Operation and tuning:', 'Cluster, topics, log:', 'Example:']
        .map((heading) => all.indexOf(`\n${heading}`))
        .filter((place) => place >= 0)
      deepEqual(
        places,
        places.toSorted((a, b) => a - b),
        words.join(' '),
      )
    }
  })

  test('is what vgm without a command shows, as a mistake', async () => {
    const { code, out, err } = await vgm([])
    equal(code, 2)
    equal(out, '')
    match(err, /Usage: vgm/)
  })
})
