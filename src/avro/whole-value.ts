import type avro from 'avsc'

/** The parts of avsc's types that are walked; each has those of its kind. */
interface WalkedType extends Pick<avro.Type, 'typeName'> {
  readonly fields?: readonly { readonly type: WalkedType }[]
  readonly types?: readonly WalkedType[]
  readonly itemsType?: WalkedType
  readonly valuesType?: WalkedType
  readonly size?: number
  readonly symbols?: readonly string[]
}

interface Walk {
  readonly bytes: Buffer
  at: number
  readonly end: number
  /** items that take no bytes, and may still come */
  freeItems: number
}

class NotWholeError extends Error {}

/** Items of a field that take no bytes, as nulls: no more than a moment's work. The row path has the same limit. */
const mostFreeItems = 65_536

/**
 * Whether the bytes from `at` to their end have the shape of one value of the type. To be asked before avsc decodes
 * bytes that nobody has checked: it looks for the end only when it is done, and a count that cannot be right keeps it
 * busy for years, or fills the memory.
 */
export function isWholeValue(type: avro.Type, bytes: Buffer, at: number): boolean {
  return wholeValueEnd(type, bytes, at, bytes.length) === bytes.length
}

/** The position after the value that begins at `at`; NaN if it has none up to `end`. */
export function wholeValueEnd(type: avro.Type, bytes: Buffer, at: number, end: number): number {
  const walk: Walk = { bytes, at, end, freeItems: mostFreeItems }
  const { fields = [{ type: type as unknown as WalkedType }] } = type as unknown as WalkedType
  try {
    for (const field of fields) {
      walk.freeItems = mostFreeItems
      pass(field.type, walk)
    }
    return walk.at <= end ? walk.at : Number.NaN
  } catch (error) {
    // Nested deeper than the stack: avsc could not decode it either.
    if (error instanceof NotWholeError || error instanceof RangeError) return Number.NaN
    throw error
  }
}

/** Whether values of a schema may hold a count, which `isWholeValue` must look at before they are decoded. */
export function hasCounts(schema: string): boolean {
  return /"(array|map)"/.test(schema)
}

function pass(type: WalkedType, walk: Walk): void {
  switch (type.typeName) {
    case 'null':
      break
    case 'boolean':
      below(2, byte(walk))
      break
    case 'float':
      skip(walk, 4)
      break
    case 'double':
      skip(walk, 8)
      break
    case 'fixed':
      skip(walk, type.size as number)
      break
    case 'bytes':
    case 'string':
      skip(walk, long(walk))
      break
    case 'array':
      blocks(walk, () => pass(type.itemsType as WalkedType, walk))
      break
    case 'map':
      blocks(walk, () => {
        skip(walk, long(walk))
        pass(type.valuesType as WalkedType, walk)
      })
      break
    case 'union:wrapped':
    case 'union:unwrapped': {
      const branch = type.types?.[long(walk)]
      if (branch === undefined) throw new NotWholeError()
      pass(branch, walk)
      break
    }
    case 'record':
    case 'error':
      for (const field of type.fields ?? []) pass(field.type, walk)
      break
    case 'enum':
      below(type.symbols?.length ?? 0, long(walk))
      break
    case 'int':
      below(2 ** 32, long(walk) + 2 ** 31)
      break
    default:
      long(walk)
  }
}

function below(end: number, index: number): void {
  if (!(index >= 0 && index < end)) throw new NotWholeError()
}

/** Items of an array or a map: those that take bytes end with the value, whatever their count says. */
function blocks(walk: Walk, passItem: () => void): void {
  for (let count = long(walk); count !== 0; count = long(walk)) {
    // A negative count is followed by the size of the block.
    if (count < 0) long(walk)
    for (let left = Math.abs(count); left > 0; left--) {
      const { at } = walk
      passItem()
      if (walk.at === at && --walk.freeItems < 0) throw new NotWholeError()
    }
  }
}

function skip(walk: Walk, bytes: number): void {
  if (!(bytes >= 0 && bytes <= walk.end - walk.at)) throw new NotWholeError()
  walk.at += bytes
}

/** Not that of batch/varint.ts: the audit judges by it what the row path has read. */
function long(walk: Walk): number {
  let zigzag = 0
  for (let scale = 1; ; scale *= 128) {
    const bits = byte(walk)
    // The tenth byte has room for the last of 64 bits.
    if (scale > 2 ** 63 || (scale === 2 ** 63 && bits > 1)) throw new NotWholeError()
    zigzag += (bits & 127) * scale
    if (bits < 128) return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
  }
}

function byte(walk: Walk): number {
  if (walk.at >= walk.end) throw new NotWholeError()
  return walk.bytes[walk.at++]
}
