import avro from 'avsc'
import { typeWithLongs } from './wide-long.ts'

/** The part of avsc's reader that longs need. */
interface Tap {
  pos: number
  readLong(): number
  /** the next long as 8 bytes, little-endian */
  unpackLongBytes(): Buffer
}

/** avsc's long is exact within it: the zigzag form of what is beyond is above 2^53. */
const exactWithin = 2 ** 52

/**
 * avsc's long, which refuses what is beyond 2^53, but exact up to there. avsc reads the zigzag form as a double: that
 * of a number below -2^52 is odd and above 2^53, so that its last bit, which is the sign, was rounded away.
 */
class NumberLong extends avro.types.LongType {
  /** @throws Error beyond 2^53 */
  _read(tap: Tap): number {
    const at = tap.pos
    const read = tap.readLong()
    if (read > -exactWithin && read < exactWithin) return read
    tap.pos = at
    const exact = Number(tap.unpackLongBytes().readBigInt64LE())
    // Of bytes with more than 64 bits the second reading has lost some; of bytes that end too soon the first is NaN.
    if (!(Math.abs(read) <= 2 ** 53 && Number.isSafeInteger(exact))) throw new RangeError('A long is beyond 2^53')
    return exact
  }
}

const numberLong = new NumberLong()

/**
 * An avsc type whose longs are numbers; reading one beyond 2^53 throws, which `wideLongType` has as a bigint.
 *
 * @param schema  as JSON.parse gives it
 * @param options as of avsc's `Type.forSchema`
 */
export function numberLongType(schema: unknown, options: Partial<avro.ForSchemaOptions> = {}): avro.Type {
  return typeWithLongs(numberLong, schema, options)
}
