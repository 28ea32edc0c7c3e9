import { checks } from '../../src/doctor/checks.ts'
import { spliced } from './splice.ts'

/** docs/doctor.md with the checks of src/doctor/checks.ts. */
export function withChecks(markdown: string): string {
  const rows = checks.flatMap(([heading, group]) =>
    group.map(({ name, about }) => `| ${heading} | \`${name}\` | ${about} |`),
  )
  return spliced(markdown, 'checks', ['| part | check | what is checked |', '|---|---|---|', ...rows].join('\n'))
}
