const width = 120

/** A paragraph in lines of at most 120 columns. @param indent what each line begins with */
export function wrapped(text: string, indent = '', first = indent): string {
  const lines: string[] = []
  let line = first
  for (const word of text.split(' ')) {
    const isEmpty = line === first || line === indent
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent + word
    } else line += isEmpty ? word : ` ${word}`
  }
  return [...lines, line].join('\n')
}
