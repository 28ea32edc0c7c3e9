import { setFlagsFromString } from 'node:v8'

/**
 * Lets the heap grow to five times what lives in it before all of it is looked through; V8 begins at half as much
 * again.
 *
 * What comes from sockets and DuckDB's vectors stand outside of the heap, count as its growth and are soon garbage, so
 * that 10 million rows normalized looked through the heap 22 times; so they do 6 times. What lives there are some 25
 * MiB.
 */
export function setHeapGrowth(): void {
  setFlagsFromString('--heap-growing-percent=400')
}
