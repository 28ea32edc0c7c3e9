import type { ClusterDiagnosis, ClusterFinding } from './diagnose-cluster.ts'

type ShownFinding = Omit<ClusterFinding, 'isFixable'>
type Shown = Pick<ClusterDiagnosis, 'notChecked'> & { readonly findings: readonly ShownFinding[] }

const width = 80
const levels = { ok: 'ok', warning: 'WARNING', error: 'ERROR' } as const
const indent = ' '.repeat(4)

/** The report for people: problems take several lines, and each passed check takes one. At most 80 columns. */
export function diagnosisText({ findings, notChecked }: Shown): string {
  const headings = [...new Set(findings.map(({ heading }) => heading))]
  const sections = headings.map((heading) =>
    [heading, ...findings.filter((finding) => finding.heading === heading).map(findingText)].join('\n'),
  )
  if (notChecked.length > 0) sections.push(['Not checked', ...notCheckedLines(notChecked)].join('\n'))
  return sections.join('\n\n')
}

/** @example '2 errors, 1 warning, 25 in order' */
export function summaryText({ findings }: Pick<Shown, 'findings'>): string {
  const of = (level: ShownFinding['level']) => findings.filter((finding) => finding.level === level).length
  const plural = (n: number, noun: string) => `${n} ${noun}${n === 1 ? '' : 's'}`
  return `${plural(of('error'), 'error')}, ${plural(of('warning'), 'warning')}, ${of('ok')} in order`
}

function findingText({ check, level, found, expected, fix }: ShownFinding): string {
  const head = `  ${levels[level].padEnd(8)}${check.padEnd(20)}`
  if (level === 'ok') return wrapped(head, found, ' '.repeat(head.length))
  const part = (label: string, text: string | undefined) =>
    text === undefined ? [] : [wrapped(`${indent}${label.padEnd(10)}`, text, ' '.repeat(14))]
  return [head.trimEnd(), ...part('found', found), ...part('expected', expected), ...fixLines(fix)].join('\n')
}

/** A command that is too long for a line continues in the next one, so that it can still be copied. */
function fixLines(fix: string | undefined): string[] {
  if (fix === undefined) return []
  const label = `${indent}${'fix'.padEnd(10)}`
  const isCommand = /^(vgm|kafka-|curl) ?/.test(fix)
  return [wrapped(label, fix, ' '.repeat(isCommand ? 16 : 14), isCommand ? ' \\' : '')]
}

/** Checks with one reason share a line. */
function notCheckedLines(notChecked: ClusterDiagnosis['notChecked']): string[] {
  const byReason = Map.groupBy(notChecked, ({ because }) => because)
  return [...byReason].map(([because, all]) =>
    wrapped('  ', `${all.map(({ check }) => check).join(', ')}: ${because}`, indent),
  )
}

/** Words that do not fit into the line go to the next one, which begins with `hanging`. */
function wrapped(head: string, text: string, hanging: string, atBreak = ''): string {
  const lines: string[] = []
  let line = head
  let isEmpty = true
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length + atBreak.length > width) {
      lines.push(line + atBreak)
      line = hanging
      isEmpty = true
    }
    line += isEmpty ? word : ` ${word}`
    isEmpty = false
  }
  return [...lines, line].join('\n')
}
