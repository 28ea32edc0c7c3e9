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
}

class NotWholeError extends Error {}

/**
 * Whether the bytes from `at` to their end have the shape of one value of the type. To be asked before avsc decodes bytes that nobody
 * has checked: it looks for the end only when it is done, and a count that cannot be right keeps it busy for years, or fills the memory.
 */
export function isWholeValue(type: avro.Type, bytes: Buffer, at: number): boolean {
  const walk: Walk = { bytes, at }
  try {
    pass(type as unknown as WalkedType, walk)
    return walk.at === bytes.length
  } catch (error) {
    // Nested deeper than the stack: avsc could not decode it either.
    if (error instanceof NotWholeError || error instanceof RangeError) return false
    throw error
  }
}

function pass(type: WalkedType, walk: Walk): void {
  switch (type.typeName) {
    case 'null':
      break
    case 'boolean':
      below(2, walk.bytes[walk.at++] ?? Number.NaN)
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

/** Items of an array or a map. More of them than bytes are left are refused, though they might take none. */
function blocks(walk: Walk, passItem: () => void): void {
  for (let count = long(walk); count !== 0; count = long(walk)) {
    // A negative count is followed by the size of the block.
    if (count < 0) long(walk)
    if (Math.abs(count) > walk.bytes.length - walk.at) throw new NotWholeError()
    for (let left = Math.abs(count); left > 0; left--) passItem()
  }
}

function skip(walk: Walk, bytes: number): void {
  if (!(bytes >= 0 && bytes <= walk.bytes.length - walk.at)) throw new NotWholeError()
  walk.at += bytes
}

function long(walk: Walk): number {
  let zigzag = 0
  for (let scale = 1; ; scale *= 128) {
    const byte = walk.bytes[walk.at++]
    // The tenth byte has room for the last of 64 bits.
    if (byte === undefined || scale > 2 ** 63 || (scale === 2 ** 63 && byte > 1)) throw new NotWholeError()
    zigzag += (byte & 127) * scale
    if (byte < 128) return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
  }
}
