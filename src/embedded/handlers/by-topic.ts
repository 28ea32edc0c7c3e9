/** Puts what is said of partitions together by topic, as answers have it. */
export function byTopic<T extends { readonly topic: string }>(
  items: readonly T[],
): { readonly topic: string; readonly items: readonly T[] }[] {
  return [...Map.groupBy(items, ({ topic }) => topic)].map(([topic, of]) => ({ topic, items: of }))
}
