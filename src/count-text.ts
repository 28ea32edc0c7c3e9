/**
 * A whole number as it is written in English, as everywhere in vgm. The first use of Intl would take longer than many a
 * command.
 *
 * @example countText(1_234_567) // '1,234,567'
 */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',')
}
