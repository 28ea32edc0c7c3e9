/** Up to here 32-bit steps are faster than `TypedArray.prototype.set`, which allocates and takes about 100 ns. */
const stepwiseBytes = 128

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
