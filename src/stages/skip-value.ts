import { maxIntBytes, maxLongBytes, varintEnd, zigzag } from '../batch/varint.ts'
import type { AvroType } from '../rows/avro-schema.ts'

/** Values that are nested more deeply count as malformed. */
const maxDepth = 256

/**
 * Passes over one Avro value.
 *
 * @returns the position after it, or -1 if the bytes are malformed or end before it does
 */
export function skipValue(type: AvroType, bytes: Uint8Array, at: number, limit: number, depth = 0): number {
  if (depth > maxDepth) return -1
  const within = (end: number) => (end >= 0 && end <= limit ? end : -1)
  switch (type.kind) {
    case 'null':
      return at
    case 'boolean':
      return within(at + 1)
    case 'int':
    case 'enum':
      return varintEnd(bytes, at, limit, maxIntBytes)
    case 'long':
      return varintEnd(bytes, at, limit, maxLongBytes)
    case 'float':
      return within(at + 4)
    case 'double':
      return within(at + 8)
    case 'fixed':
      return within(at + type.sizeBytes)
    case 'bytes':
    case 'string': {
      const start = varintEnd(bytes, at, limit, maxLongBytes)
      const length = start < 0 ? -1 : zigzag(bytes, at, start)
      return length < 0 ? -1 : within(start + length)
    }
    case 'union': {
      const start = varintEnd(bytes, at, limit, maxIntBytes)
      const branch = start < 0 ? undefined : type.branches[zigzag(bytes, at, start)]
      return branch === undefined ? -1 : skipValue(branch, bytes, start, limit, depth + 1)
    }
    case 'record': {
      let end = at
      for (const field of type.fields) {
        end = skipValue(field.type, bytes, end, limit, depth + 1)
        if (end < 0) return -1
      }
      return end
    }
    case 'array':
    case 'map':
      return skipBlocks(type, bytes, at, limit, depth)
  }
}

type Blocks = Extract<AvroType, { readonly kind: 'array' | 'map' }>

function skipBlocks(type: Blocks, bytes: Uint8Array, start: number, limit: number, depth: number): number {
  for (let at = start; ; ) {
    let end = varintEnd(bytes, at, limit, maxLongBytes)
    if (end < 0) return -1
    let count = zigzag(bytes, at, end)
    if (count === 0) return end
    if (count < 0) {
      // The block's size follows, by which it need not be looked at.
      count = -count
      end = varintEnd(bytes, end, limit, maxLongBytes)
      if (end < 0) return -1
    }
    // Every other item takes a byte at least, so that a huge count is refused before it is counted down.
    if (type.kind === 'array' && type.items.kind === 'null') count = 0
    else if (count > limit - end) return -1
    for (; count > 0; count--) {
      if (type.kind === 'map') end = skipValue({ kind: 'string' }, bytes, end, limit, depth + 1)
      if (end >= 0) end = skipValue(type.kind === 'map' ? type.values : type.items, bytes, end, limit, depth + 1)
      if (end < 0) return -1
    }
    at = end
  }
}
