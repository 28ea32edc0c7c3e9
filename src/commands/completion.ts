import { Argument, Command } from 'commander'
import type { Candidate } from '../config/completions.ts'
import { programOf } from '../config/effective-settings.ts'
import { exitCodes } from '../errors.ts'
import { completionScripts, type Shell, shells } from '../reports/completion-script.ts'

export function completionCommand(): Command {
  return new Command('completion')
    .description('print what a shell reads to complete commands, flags and data sets')
    .addHelpText('after', `\nExample:\n  $ vgm completion fish | source\n  $ source <(vgm completion bash)`)
    .addArgument(new Argument('<shell>', 'which one').choices(shells))
    .action((shell: Shell) => {
      process.stdout.write(completionScripts[shell])
    })
}

/** What the scripts call: prints what the last word may become, a line each, with a tab before what it means. */
export function completeCommand(): Command {
  return new Command('complete')
    .description('print what may stand at the end of a command line')
    .argument('[words...]', 'words after "vgm", the last of which is not whole')
    .action(async (words: string[], _flags: unknown, self: Command) => {
      const { completions } = await import('../config/completions.ts')
      const { candidates, isDataset } = completions(programOf(self), words)
      const named = isDataset ? await datasets(words.at(-1) ?? '') : []
      const lines = [...candidates, ...named].map(({ word, about }) => (about === '' ? word : `${word}\t${about}`))
      // A cluster that was asked in vain is still being asked.
      process.stdout.write(lines.map((line) => `${line}\n`).join(''), () => process.exit(exitCodes.done))
    })
}

/** A shell waits for them: those of a cluster that does not answer soon are left out. */
const patienceMs = 1_500

/** Data sets whose raw topic is on the cluster that the variables or "vgm up" name. */
async function datasets(start: string): Promise<Candidate[]> {
  const late = new Promise<Candidate[]>((resolve) => setTimeout(() => resolve([]), patienceMs).unref())
  return Promise.race([late, found()]).catch(() => [])

  async function found(): Promise<Candidate[]> {
    const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registry } = process.env
    const { withCluster } = await import('./command-context.ts')
    const names = await withCluster({ brokers, registry, logLevel: 'silent' }, ({ admin }) =>
      admin.topics.partitionCounts(),
    )
    return [...names.keys()]
      .filter((topic) => topic.endsWith('.raw') && topic.startsWith(start))
      .map((topic) => ({ word: topic.slice(0, -'.raw'.length), about: '' }))
  }
}
