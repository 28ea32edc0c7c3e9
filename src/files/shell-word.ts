/** A text as a POSIX shell takes it for one word. */
export function shellWord(text: string): string {
  if (/^[\w.,:%/@+=-]+$/.test(text)) return text
  if (text.includes("'") && !/["$`\\!]/.test(text)) return `"${text}"`
  return `'${text.replaceAll("'", "'\\''")}'`
}
