import type { Command, Option } from 'commander'

/** A word that may stand somewhere, and what it means. */
export interface Candidate {
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
