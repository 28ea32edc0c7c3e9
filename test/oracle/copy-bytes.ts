/** Up to here 32-bit steps (0.6 ns a byte) are faster than `set`, which allocates a view and takes about 50 ns. */
const stepwiseBytes = 80

/**
 * Copies source[from, to) to out[at, ...) and returns the position after it.
 *
 * @param sourceView over the same memory as `source`, same origin
 * @param outView    over the same memory as `out`, same origin
 */
export function copyBytes(
  source: Uint8Array,
  sourceView: DataView,
  from: number,
  to: number,
  out: Uint8Array,
  outView: DataView,
  at: number,
): number {
  if (to - from > stepwiseBytes) {
    out.set(source.subarray(from, to), at)
    return at + to - from
  }
  for (; to - from >= 4; from += 4, at += 4) outView.setInt32(at, sourceView.getInt32(from, true), true)
  for (; from < to; from++, at++) out[at] = source[from]
  return at
}
