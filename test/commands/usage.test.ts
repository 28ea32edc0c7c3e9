import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { type Ended, oneLineError, type RunOptions, temporaryFolder, vgm, vgmShared } from './run-command.ts'

async function refused(args: readonly string[], what: RegExp, options: RunOptions = {}): Promise<Ended> {
  const ended = await vgmShared(args, options)
  assertRefused(ended, what)
  return ended
}

/** By a process of its own: what a user meets. */
async function refusedAtStart(args: readonly string[], what: RegExp, options: RunOptions = {}): Promise<Ended> {
  const ended = await vgm(args, options)
  assertRefused(ended, what)
  return ended
}

function assertRefused({ code, out, err }: Ended, what: RegExp): void {
  equal(code, 2, err)
  equal(out, '')
  match(err, oneLineError)
  match(err, what)
}

suite('bad usage is refused in one line, with exit code 2', () => {
  test('an unknown flag, with the one that was meant', async () => {
    await refusedAtStart(['lag', '--dataset', 'd', '--jsn'], /unknown option '--jsn' \(Did you mean --json\?\)/)
  })

  test('a --version behind a command, with how the version of a model is written', async () => {
    const dataset = ['--dataset', 'd']
    for (const command of ['show', 'card', 'diff', 'alias', 'rm', 'promote', 'export', 'ls'])
      for (const flag of [['--version', '1'], ['--version=1'], ['-V', '1']])
        await refused(
          ['model', command, ...dataset, ...flag],
          /unknown option .*"vgm model show --dataset trips 1", or/,
        )
    await refused(['replay', ...dataset, '--version', '1'], /unknown option '--version'.* --model 1/)
    await refused(['model', '--version'], /unknown option '--version'.*"vgm --version" is the version of the program/)
    const { code, out } = await vgmShared(['--version'])
    deepEqual([code, /^\d+\.\d+\.\d+/.test(out)], [0, true])
  })

  test('an unknown command', async () => {
    await refused(['nrmalize'], /unknown command 'nrmalize' \(Did you mean normalize\?\)/)
  })

  test('a missing argument, and a missing flag', async () => {
    await refused(['load', '--dataset', 'd'], /missing required argument 'file'/)
    await refusedAtStart(['lag'], /vgm lag needs --dataset\. Add --dataset <name>, set VGM_DATASET/)
  })

  test('a value that the flag does not take', async () => {
    await refused(['replay', '--dataset', 'd', '--model', '0'], /--model .*'0' is invalid/)
    await refused(['fit', '--dataset', 'd', '--recipe', 'magic'], /Allowed choices are scaled, sklearn/)
  })

  test("a topic that is the brokers' own, or that no topic can be called", async () => {
    const topics = ['raw', 'normalized', 'dead-letter', 'models', 'positions'].map((role) => `--${role}-topic`)
    for (const flag of topics)
      await refused(
        ['normalize', '--dataset', 'd', flag, '__consumer_offsets'],
        new RegExp(`${flag} .*'__consumer_offsets' is invalid.*internal to Kafka`),
      )
    for (const command of [['load', 'rows.csv'], ['generate', '--spec', 'x:int=normal(0,1)', '--rows', '1'], ['lag']])
      await refused([...command, '--dataset', 'd', '--topic', '__transaction_state'], /internal to Kafka/)
    await refused(['replay', '--dataset', 'd', '--model', '1', '--output', '__x'], /internal to Kafka/)
    await refused(['doctor', '--dataset', 'd', '--raw-topic', 'a/b'], /'a\/b' is invalid/)
  })

  test('one topic with two roles', async () => {
    for (const [command, twice] of [
      ['doctor --normalized-topic d.raw', 'd.raw'],
      ['doctor --models-topic d.normalized', 'd.normalized'],
      ['doctor --models-topic vgm.positions', 'vgm.positions'],
      ['normalize --normalized-topic vgm.models', 'vgm.models'],
      ['normalize --dead-letter-topic vgm.positions', 'vgm.positions'],
      ['restore --positions-topic d.restored', 'd.restored'],
      ['sample --sample-topic vgm.models', 'vgm.models'],
      ['fit --raw-topic vgm.models', 'vgm.models'],
      ['load rows.csv --topic vgm.positions', 'vgm.positions'],
      ['generate --spec x:int=normal(0,1) --rows 1 --topic vgm.models', 'vgm.models'],
      ['verify --restored-topic vgm.models', 'vgm.models'],
      ['replay --model 1 --output d.normalized', 'd.normalized'],
      ['replay --model 1 --output vgm.models', 'vgm.models'],
      ['replay --model 1 --dead-letter-topic d.dead-letters', 'd.dead-letters'],
      ['replay --model 1 --dead-letter-topic d.normalized.v1', 'd.normalized.v1'],
    ] as const)
      await refused(
        [...command.split(' '), '--dataset', 'd', '--brokers', 'localhost:1', '--registry', 'http://localhost:1'],
        new RegExp(`Topic ${twice} has two roles`),
      )
  })

  test('flags of verify that say how a file is read, without a file', async () => {
    await refused(
      ['verify', '--dataset', 'd', '--null', 'NA', '--header', 'yes', '--key', 'id'],
      /--header, --null, --key can be given with --file only.*Add --file/,
    )
  })

  test('--csv-safe for a file that is no CSV', async () => {
    await refused(['export', 'rows.parquet', '--dataset', 'd', '--csv-safe'], /--csv-safe applies to CSV/)
  })

  test('flags of a fit that exclude each other, and values that no fit takes, before a topic is read', async () => {
    const fit = ['fit', '--dataset', 'd']
    for (const [flags, what] of [
      ['--seed 3', /--seed excludes --recipe scaled, .*Add --recipe sklearn/],
      ['--seed 0 --recipe scaled', /--seed excludes --recipe scaled/],
      ['--source raw --sample-topic s', /--sample-topic excludes --source raw/],
      ['--components 0', /--components .*'0' is invalid/],
      ['--components 256', /components is 256.*from 1 to 255/],
      ['--concentration=-1', /--concentration .*'-1' is invalid.*above 0/],
      ['--tolerance=-1', /tolerance is -1/],
      ['--tolerance nan', /--tolerance .*'nan' is invalid/],
      ['--join few', /--join .*'few' is invalid/],
      ['--max-iterations 0', /--max-iterations .*'0' is invalid/],
      ['--min-weight 1', /--min-weight .*'1' is invalid/],
    ] as const)
      await refused([...fit, ...flags.split(' ')], what)
    // Without one of them the fit goes on, to the cluster that it does not find.
    await refused([...fit, '--seed', '3', '--recipe', 'sklearn'], /No cluster/)
    await refused(fit, /No cluster/)
  })

  test('a sampler that follows and counts rows', async () => {
    await refused(['sample', '--dataset', 'd', '--follow'], /follows its topic has no end, .*--rate 0\.01/)
    await refused(['sample', '--dataset', 'd', '--follow', '--rows', '10'], /follows its topic has no end/)
    await refused(['sample', '--dataset', 'd', '--follow', '--rate', '0.1'], /No cluster/)
  })

  test('a name that no topic can have', async () => {
    for (const name of ['a b', '../etc', ''])
      await refused(['lag', '--dataset', name], /cannot name a data set\. Use letters, digits/)
  })

  test('a file that is not there, before a cluster is started for it', async () => {
    const { tookMs } = await refusedAtStart(['demo', 'no-such-file.csv'], /no-such-file\.csv: there is no such file/)
    ok(tookMs < 10_000)
  })

  test('no cluster, half a cluster, and addresses that are none', async () => {
    const lag = ['lag', '--dataset', 'd']
    await refusedAtStart(lag, /No cluster.*vgm up/)
    await refused([...lag, '--brokers', 'localhost:9092'], /only the brokers are named/)
    await refused([...lag, '--brokers', 'localhost', '--registry', 'http://localhost:1'], /"localhost" is not a broker/)
    await refused([...lag, '--brokers', 'localhost:9092', '--registry', 'localhost'], /"localhost" is not a registry/)
  })
})

suite('a broker that does not answer', () => {
  test('is named in one line within a few seconds, with exit code 1', async () => {
    const addresses = ['--brokers', '127.0.0.1:1', '--registry', 'http://127.0.0.1:1']
    const { code, out, err, tookMs } = await vgm(['lag', '--dataset', 'd', '--json', ...addresses])
    equal(code, 1, err)
    equal(out, '')
    match(err, oneLineError)
    match(err, /127\.0\.0\.1:1\b.*vgm up/)
    ok(tookMs < 10_000, `took ${tookMs} ms`)
  })
})

suite('the flag --config', () => {
  const withFile = (t: Parameters<typeof temporaryFolder>[0], yaml: string): string => {
    const file = join(temporaryFolder(t), 'vgm.yaml')
    writeFileSync(file, yaml)
    return file
  }

  test('gives way to the environment, and that to a flag', async (t) => {
    const file = withFile(t, 'dataset: d\nbrokers: from-file\nregistry: http://127.0.0.1:1\n')
    const environment = { KAFKA_BROKERS: 'from-environment' }
    const lag = ['lag', '--config', file]
    await refused(lag, /"from-file" is not a broker/)
    await refusedAtStart(['lag'], /"from-file" is not a broker/, { environment: { VGM_CONFIG: file } })
    await refusedAtStart(lag, /"from-environment" is not a broker/, { environment })
    await refused([...lag, '--brokers', 'from-flag'], /"from-flag" is not a broker/, { environment })
  })

  test('takes the place of a default and of a required flag', async (t) => {
    const file = withFile(t, 'dataset: a b\nlog-level: silent\n')
    await refused(['lag', '--config', file], /"a b" cannot name a data set/)
  })

  test('refuses a key that is no setting, with the one that was meant', async (t) => {
    await refused(
      ['model', 'ls', '--config', withFile(t, 'datset: d\n')],
      /vgm\.yaml: "datset" is neither a setting nor a command\. Did you mean "dataset"\?/,
    )
    // A file serves all commands: a mistake in the section of another one shows as well.
    await refused(
      ['lag', '--config', withFile(t, 'dataset: d\nnormalize:\n  mebmers: 4\n')],
      /vgm\.yaml: normalize: "mebmers" is no setting of vgm normalize\. Did you mean "members"\?/,
    )
  })

  test('refuses values as the command line does, naming file and key', async (t) => {
    const fit = (yaml: string) => ['fit', '--dataset', 'd', '--config', withFile(t, yaml)]
    await refused(fit('fit:\n  components: -3\n'), /vgm\.yaml: fit\.components: "-3" is invalid/)
    await refused(fit('fit: { recipe: magic }\n'), /fit\.recipe: "magic" is invalid\. Allowed choices/)
    await refused(fit('json: maybe\n'), /json: "maybe" is invalid\. Write true or false/)
  })

  test('refuses a file that is not there or is no YAML', async (t) => {
    await refusedAtStart(['lag', '--config', 'no-such.yaml'], /no-such\.yaml: .*Name a YAML file/)
    await refused(['lag', '--config', withFile(t, 'a: [')], /vgm\.yaml: /)
    await refused(['lag', '--config', withFile(t, 'words')], /holds no settings/)
  })

  test('does not lead a demo to brokers that are meant for other commands', async (t) => {
    const environment = {
      KAFKA_BROKERS: '127.0.0.1:1',
      SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
      VGM_CONFIG: withFile(t, 'brokers: 127.0.0.1:1\nregistry: http://127.0.0.1:1\n'),
    }
    const { out } = await vgmShared(['config', 'show', 'demo', '--json'], { environment })
    const [{ settings }] = JSON.parse(out).commands
    for (const name of ['brokers', 'registry'])
      equal(settings.find(({ setting }: { setting: string }) => setting === name).source, 'default')
  })
})

suite('the flag --json', () => {
  test('prints one JSON object and nothing else, whatever the exit code', async () => {
    const { code, out, err } = await vgm(['status', '--json'])
    equal(code, 1)
    deepEqual(JSON.parse(out), { alive: false })
    equal(err, '')
    deepEqual(JSON.parse((await vgm(['down', '--json'])).out), { stopped: false })
  })
})
