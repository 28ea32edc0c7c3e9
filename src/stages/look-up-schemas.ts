/**
 * Concurrent requests to the registry: sequential requests for rows with different schemas would outlast their
 * transaction.
 */
const sideBySide = 16

/**
 * Asks for schemas, several at a time, until all are known or `endMs` is over; the first ones come first, and one at
 * least.
 *
 * @param ids   in the order in which they are wanted
 * @param endMs as `performance.now` counts
 * @returns JSON by id, in that order; undefined for an id that the registry does not know; those that were not asked
 * for are left out
 * @throws PipelineError as of a registry that does not answer
 */
export async function lookUpSchemas<Id>(
  registry: { schemaById(id: Id): Promise<string | undefined> },
  ids: Iterable<Id>,
  endMs = Infinity,
): Promise<ReadonlyMap<Id, string | undefined>> {
  const wanted = [...ids]
  const found = new Map<Id, Promise<string | undefined>>()
  let next = 0
  const ask = async () => {
    do {
      const id = wanted[next++]
      const asked = registry.schemaById(id)
      found.set(id, asked)
      try {
        await asked
      } catch (error) {
        next = wanted.length
        throw error
      }
    } while (next < wanted.length && performance.now() < endMs)
  }
  await Promise.all(Array.from({ length: Math.min(sideBySide, wanted.length) }, ask))
  return new Map(await Promise.all(Array.from(found, async ([id, schema]) => [id, await schema] as const)))
}
