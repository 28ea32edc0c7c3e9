import { Argument, Command, type Option } from 'commander'
import { programOf } from '../config/effective-settings.ts'
import { exitCodes } from '../errors.ts'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

export function completionCommand(): Command {
  return new Command('completion')
    .description('print what a shell reads to complete commands, flags and data sets')
    .addHelpText('after', `\nExample:\n  $ vgm completion fish | source\n  $ source <(vgm completion bash)`)
    .addArgument(new Argument('<shell>', 'which one').choices(shells))
    .action((shell: Shell) => {
      process.stdout.write(scripts[shell])
    })
}

/** What the scripts call: prints what the last word may become, a line each, with a tab before what it means. */
export function completeCommand(): Command {
  return new Command('complete')
    .description('print what may stand at the end of a command line')
    .argument('[words...]', 'words after "vgm", the last of which is not whole')
    .action(async (words: string[], _flags: unknown, self: Command) => {
      const { candidates, isDataset } = completions(programOf(self), words)
      const named = isDataset ? await datasets(words.at(-1) ?? '') : []
      const lines = [...candidates, ...named].map(({ word, about }) => (about === '' ? word : `${word}\t${about}`))
      // A cluster that was asked in vain is still being asked.
      process.stdout.write(lines.map((line) => `${line}\n`).join(''), () => process.exit(exitCodes.done))
    })
}

interface Candidate {
  readonly word: string
  readonly about: string
}

/** What the last of the words may become; nothing where a file or any text may stand. */
export function completions(
  program: Command,
  words: readonly string[],
): { readonly candidates: readonly Candidate[]; readonly isDataset: boolean } {
  // Bash takes "--model=1" for three words.
  const whole = words.filter((word) => word !== '=')
  const current = whole.at(-1) ?? ''
  const { command, open, given, places } = read(program, whole.slice(0, -1))
  const those = (candidates: readonly Candidate[]) => candidates.filter(({ word }) => word.startsWith(current))
  if (open !== undefined)
    return { candidates: those((open.argChoices ?? []).map(plain)), isDataset: open.long === '--dataset' }
  if (current.startsWith('-')) return { candidates: those(flagsOf(command, given)), isDataset: false }
  const below = command.commands.map((each) => ({ word: each.name(), about: each.description() }))
  const { argChoices = [] } = command.registeredArguments[places] ?? {}
  return {
    candidates: those([...below, ...argChoices.map(plain)].filter(({ word }) => word !== 'complete')),
    isDataset: false,
  }
}

/** How far the whole words lead: to a command, and perhaps a flag whose value comes next. */
function read(program: Command, words: readonly string[]) {
  let command = program
  let open: Option | undefined
  const given = new Set<string>()
  let places = 0
  for (const word of words) {
    if (open !== undefined) open = undefined
    else if (word.startsWith('-')) {
      given.add(word.split('=', 1)[0])
      const option = command.options.find(({ long, short }) => word === long || word === short)
      if (option?.required) open = option
    } else {
      const below = command.commands.find((each) => each.name() === word)
      if (below === undefined) places++
      else command = below
    }
  }
  return { command, open, given, places }
}

function flagsOf(command: Command, given: ReadonlySet<string>): Candidate[] {
  const all = command.options.map(({ long, description }) => ({ word: long ?? '', about: firstWords(description) }))
  return [...all, { word: '--help', about: 'display help' }].filter(({ word }) => word !== '' && !given.has(word))
}

const plain = (word: string): Candidate => ({ word, about: '' })
const firstWords = (text: string) => text.split(/[;:(\n]/, 1)[0].trim()

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
      .map((topic) => plain(topic.slice(0, -'.raw'.length)))
  }
}

const scripts: Readonly<Record<Shell, string>> = {
  bash: `# Load it with: source <(vgm completion bash)
_vgm() {
  local IFS=$'\\n'
  COMPREPLY=($(vgm complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _vgm vgm
`,
  zsh: `#compdef vgm
# Load it with: source <(vgm completion zsh)
_vgm() {
  local -a found
  found=("\${(@f)$(vgm complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n \${found[1]} ]]; then
    found=("\${(@)\${(@)found//:/\\\\:}/$'\\t'/:}")
    _describe vgm found
  else
    _files
  fi
}
(( $+functions[compdef] )) || { autoload -U compinit && compinit }
compdef _vgm vgm
`,
  fish: `# Load it with: vgm completion fish | source
function __vgm
    set -l found (vgm complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c vgm -f -a '(__vgm)'
`,
}
