import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
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

  test('is what vgm without a command shows, as a mistake', async () => {
    const { code, out, err } = await vgm([])
    equal(code, 2)
    equal(out, '')
    match(err, /Usage: vgm/)
  })
})
