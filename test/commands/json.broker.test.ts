import { equal, ok } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { testCluster, uniqueName } from '../cluster/shared-cluster.ts'
import { temporaryFolder, vgmShared } from './run-command.ts'

suite('the flag --json on a cluster', () => {
  test('prints what the schemas say, for every command of a data set', async (t) => {
    const { brokers, registry } = await testCluster()
    const environment = { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry }
    const folder = temporaryFolder(t)
    const dataset = uniqueName('schemas')
    const own = ['--dataset', dataset, '--models-topic', `${dataset}.models`]
    /** `vgmShared` compares the result with its schema. */
    const json = async (command: string, codes: readonly number[] = [0]) => {
      const { code, out, err } = await vgmShared([...command.split(' '), '--json', ...own], { environment, folder })
      ok(codes.includes(code ?? -1), `vgm ${command}: ${code} ${err}`)
      ok(out !== '', command)
      return JSON.parse(out)
    }
    const rows = Array.from({ length: 300 }, (_, i) => `${i},${i % 7 === 3 ? 'NaN' : i / 4},${'xyz'[i % 3]}`)
    writeFileSync(join(folder, 'rows.csv'), `id,a,b\n${rows.join('\n')}\n`)
    await json('load rows.csv --types a:DOUBLE')
    await json('sample')
    const fitted = await json('fit')
    ok(fitted.hints.length > 0 && fitted.otherFields.length > 0)
    const { deadLetters } = await json('normalize --until-end --stats')
    equal(deadLetters, rows.filter((row) => row.includes('NaN')).length)
    await json('restore --until-end')
    await json('export out.parquet')
    await json('replay --model 1 --dry-run')
    await json('replay --model 1 --from start')
    await json('fit --no-promote')
    for (const command of ['promote 2', 'rollback', 'diff 1 2', 'which', 'alias @s 1', 'alias @s --remove', 'rm 2'])
      await json(`model ${command}`)
    await json('model show --check', [0, 1])
    await json('model export model.json')
    await json('model import model.json')
    for (const command of ['drift', 'lag', 'pause', 'rate 500', 'resume']) await json(command)
    await json('doctor', [0, 1])
    equal((await json('dead-letters ls')).rows, deadLetters)
    const { letters } = await json('dead-letters ls --rows')
    await json(`dead-letters show ${letters[0].partition}/${letters[0].offset}`)
    equal((await json('dead-letters export letters.csv')).rows, deadLetters)
    equal((await json('dead-letters retry')).rowsOut, deadLetters)
  })
})
