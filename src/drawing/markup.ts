/** What XML 1.0 cannot hold, and what would turn the order of the text around it. */
const unfit = /[\p{Cc}\p{Cs}\ufffe\uffff\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A text from outside as the content of an element or of an attribute, in HTML and in SVG. */
export function escaped(text: string): string {
  return text.replace(unfit, '\ufffd').replace(/[&<>"']/g, (character) => entities[character])
}

/** The beginning of a text, in whole characters as people see them. */
export function shortened(text: string, most: number): string {
  const characters = Array.from(new Intl.Segmenter('en').segment(text.slice(0, 40 * most)), ({ segment }) => segment)
  const isWhole = characters.length <= most && text.length <= 40 * most
  return isWhole ? text : `${characters.slice(0, most - 1).join('')}…`
}
