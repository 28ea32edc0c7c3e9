import { deepEqual, equal, ok } from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createProgram } from '../../src/commands/command-line.ts'
import { completions } from '../../src/config/completions.ts'

const completed = (...words: string[]) => completions(createProgram(), words).candidates.map(({ word }) => word)

suite('what may stand at the end of a command line', () => {
  test('is a command, also below another one', () => {
    deepEqual(completed('norm'), ['normalize'])
    deepEqual(completed('model', 'r'), ['rollback', 'rm'])
    ok(completed('').includes('demo') && !completed('').includes('complete'))
  })

  test('is a flag of the command, unless it is there already', () => {
    deepEqual(completed('lag', '--data'), ['--dataset'])
    deepEqual(completed('lag', '--dataset', 'd', '--data'), [])
    ok(completed('fit', '--').includes('--decimals') && !completed('fit', '--').includes('--members-of'))
    ok(completed('model', 'show', '--').includes('--svg'))
  })

  test('is a value of a flag or an argument that has few', () => {
    deepEqual(completed('fit', '--recipe', ''), ['scaled', 'sklearn'])
    deepEqual(completed('fit', '--recipe', '=', 'sk'), ['sklearn'])
    deepEqual(completed('completion', ''), ['bash', 'zsh', 'fish'])
    deepEqual(completed('load', '--dataset', 'd', 'tr'), [], 'a file is the shell to find')
  })

  test('is a data set after --dataset', () => {
    equal(completions(createProgram(), ['lag', '--dataset', '']).isDataset, true)
    equal(completions(createProgram(), ['lag', '--group', '']).isDataset, false)
  })
})
