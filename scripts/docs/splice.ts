/**
 * A document with another text between two of its marks; all around it stays.
 *
 * @param part what the marks are called: `<!-- npm run docs: checks -->` and `<!-- end: checks -->`
 * @throws Error if the document has no such place
 */
export function spliced(markdown: string, part: string, text: string): string {
  const [begin, end] = [`<!-- npm run docs: ${part} -->`, `<!-- end: ${part} -->`]
  const [at, to] = [markdown.indexOf(begin), markdown.indexOf(end)]
  if (at < 0 || to < at) throw new Error(`There is no place for the ${part}: "${begin}" and "${end}"`)
  return `${markdown.slice(0, at + begin.length)}\n\n${text.trimEnd()}\n\n${markdown.slice(to)}`
}
