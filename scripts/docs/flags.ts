import { type Command, Help, type Option } from 'commander'
import { clusterHeading } from '../../src/commands/help.ts'
import { settingsOf } from '../../src/config/setting.ts'
import { wrapped } from './line-breaks.ts'
import { spliced } from './splice.ts'

/** docs/flags.md with all flags of all commands; what all of them have stands above these. */
export function withFlags(markdown: string, program: Command): string {
  const commands = new Help().visibleCommands(program).filter((command) => command.name() !== 'help')
  const shared = new Map<string, string[]>()
  const sections = commands.flatMap(leaves).map((command) => {
    const flags = command.options.filter(({ hidden, long }) => !hidden && !everywhere.includes(long ?? ''))
    const [ofCluster, own] = [flags.filter(isOfCluster), flags.filter((flag) => !isOfCluster(flag))]
    for (const flag of ofCluster) {
      const items = shared.get(flag.long ?? '') ?? []
      shared.set(flag.long ?? '', [...items, item(command, flag)])
    }
    return [`## ${usage(command)}`, capital(command.description()), own.map((flag) => item(command, flag)).join('\n')]
  })
  sections.push([`## ${clusterHeading.slice(0, -1)}`, [...shared.values()].map(mostFrequent).join('\n')])
  const texts = sections.map((section) => section.filter((text) => text !== '').join('\n\n'))
  return spliced(markdown, 'flags', texts.join('\n\n'))
}

const everywhere = ['--json', '--help', '--help-all']

/** A command with a cluster of its own describes a flag otherwise than all others. */
function mostFrequent(items: readonly string[]): string {
  const counts = [...Map.groupBy(items, (text) => text)].map(([text, same]) => ({ text, times: same.length }))
  return counts.reduce((most, each) => (each.times > most.times ? each : most)).text
}

/** A command that does something, or those below it. */
function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

const isOfCluster = ({ helpGroupHeading }: Option) => helpGroupHeading === clusterHeading

function usage(command: Command): string {
  const names: string[] = []
  for (let each: Command | null = command; each !== null; each = each.parent) names.unshift(each.name())
  const args = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? '...' : ''}`.toUpperCase()
    return argument.required ? name : `[${name}]`
  })
  return [...names, ...args].join(' ')
}

function item(command: Command, option: Option): string {
  const variable = settingsOf(command).find((setting) => setting.option === option)?.variable
  const described = Object.create(option, { envVar: { value: undefined } }) as Option
  const text = new Help().optionDescription(described)
  const where = variable === undefined ? '' : `; \`${variable}\``
  return wrapped(`\`${option.flags}\`: ${text.replace(/[<>]/g, '\\$&')}${where}`, '  ', '- ')
}

const capital = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
