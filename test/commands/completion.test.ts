import { deepEqual, equal } from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { run } from './run-command.ts'

const main = join(import.meta.dirname, '../../src/main.ts')

/** What a shell makes of the script; `ask` is in its own language. */
const shells = {
  bash: (ask: string) => [
    '-c',
    `vgm() { "$NODE" "$MAIN" "$@"; }; source <(vgm completion bash)
     COMP_WORDS=(vgm ${ask}) COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); _vgm; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  zsh: (ask: string) => [
    '-f',
    '-c',
    `vgm() { "$NODE" "$MAIN" "$@"; }; compdef() { :; }; _describe() { print -l -- "\${(@P)2}"; }; _files() { :; }
     source <(vgm completion zsh); words=(vgm ${ask}) CURRENT=$#words; _vgm`,
  ],
  fish: (ask: string) => [
    '--no-config',
    '-c',
    `function vgm; $NODE $MAIN $argv; end; vgm completion fish | source; complete -C 'vgm ${ask}'`,
  ],
}

suite('the scripts for shells', () => {
  for (const [shell, line] of Object.entries(shells))
    test(`complete commands, flags and values in ${shell}`, async (t) => {
      const isThere = await run(shell, ['-c', 'true']).then(
        ({ code }) => code === 0,
        () => false,
      )
      if (!isThere) return t.skip(`there is no ${shell}`)
      const environment = { NODE: process.execPath, MAIN: main }
      const words = async (ask: string) => {
        const { code, out, err } = await run(shell, line(ask), { environment })
        equal(code, 0, err)
        return out
          .trimEnd()
          .split('\n')
          .map((found) => found.split(/[\t:]/, 1)[0])
      }
      deepEqual(await words('norm'), ['normalize'])
      deepEqual(await words('lag --data'), ['--dataset'])
      deepEqual((await words('fit --recipe s')).sort(), ['scaled', 'sklearn'])
    })
})
