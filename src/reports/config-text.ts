import type { ShownCommand } from '../config/shown-settings.ts'
import { textTable } from '../observe/report-text.ts'

/** What `vgm config show --json` prints; a contract. @param file path of the configuration file, if there is one */
export function settingsResult(shown: readonly ShownCommand[], file: string | undefined) {
  const commands = shown.map(({ settings, ...rest }) => ({
    ...rest,
    settings: settings.map(({ isHidden: _, ...setting }) => setting),
  }))
  return { file: file ?? null, commands }
}

/** A table of the settings of each command. */
export function settingsText(shown: readonly ShownCommand[]): string {
  return shown.map(commandText).join('\n\n')
}

function commandText({ command, settings, problem }: ShownCommand): string {
  if (problem !== undefined) return `${command}\n  error: ${problem}`
  const rows = settings
    .filter(({ isHidden }) => !isHidden)
    .map(({ setting, value, source, from }) => [
      setting,
      value ?? '-',
      source === 'default' ? source : (from ?? source),
    ])
  return `${command}\n${textTable(['setting', 'value', 'from'], rows)
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}`
}
