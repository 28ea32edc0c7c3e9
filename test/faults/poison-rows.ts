import type avro from 'avsc'
import { rowErrors } from '../../src/rows/row-error.ts'

/** What must become of a row: its error, none, or whatever its bytes turn out to mean. */
export type Fate = (typeof rowErrors)[keyof typeof rowErrors] | 'either'

export interface MadeRow {
  readonly value: Buffer | null
  readonly fate: Fate
}

/** Schemas that rows of the case name, by what is odd about them; each is registered under a subject of its own. */
export interface OddSchemas {
  readonly [name: string]: { readonly id: number; readonly type?: avro.Type | undefined }
}

const double = { name: 'amount', type: 'double' }
const count = { name: 'count', type: ['null', 'int'] }
const wait = { name: 'wait', type: 'float' }
const record = (name: string, ...fields: object[]) => ({ type: 'record', name, fields })
const list = {
  name: 'list',
  type: ['null', record('Node', { name: 'n', type: 'int' }, { name: 'next', type: ['null', 'Node'] })],
}

/** Levels of records within one another: `levels` of them, the innermost with a number. */
function nested(levels: number): object {
  let type: unknown = 'int'
  for (let level = levels; level > 0; level--) type = record(`Level${level}`, { name: 'in', type })
  return type as object
}

/** JSON of the schemas that Avro allows and a fitted column does not meet, and of some that are merely unusual. */
export const oddSchemas: Readonly<Record<string, unknown>> = {
  rich: record(
    'Rich',
    { name: 'id', type: 'string' },
    double,
    { name: 'tags', type: { type: 'array', items: 'string' } },
    { name: 'attributes', type: { type: 'map', values: 'long' } },
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['A', 'B', 'C'] } },
    { name: 'flag', type: 'boolean' },
    { name: 'count', type: ['null', 'long'] },
    { name: 'blob', type: 'bytes' },
    { name: 'inner', type: record('Inner', { name: 'any', type: ['null', 'int', 'string'] }) },
    wait,
  ),
  deep: record('Deep', double, count, { name: 'down', type: nested(200) }, wait),
  tooDeep: record('TooDeep', double, count, { name: 'down', type: nested(300) }, wait),
  recursive: record('Recursive', double, count, list, wait),
  columnMissing: record('ColumnMissing', double, count),
  wrongType: record('WrongType', { name: 'amount', type: 'string' }, count, wait),
  logical: record('Logical', double, { name: 'count', type: { type: 'int', logicalType: 'date' } }, wait),
  stamped: record('Stamped', double, count, wait, { name: 'model_version', type: 'int' }),
  text: 'string',
  choice: { type: 'enum', name: 'Choice', symbols: ['YES', 'NO'] },
}

/** A long as ten and more bytes of a varint that does not end. */
const endlessVarint = Buffer.alloc(11, 0xff)

/**
 * Rows of every kind of badness, by the name of the kind; the numbers come from `random`.
 *
 * @param base     of the good rows
 * @param noAvroId of a schema that is no Avro schema
 */
export function poisonKinds(
  base: { readonly id: number; readonly type: avro.Type },
  odd: OddSchemas,
  noAvroId: number,
  random: () => number,
): ReadonlyMap<string, () => MadeRow> {
  const pick = (below: number) => Math.floor(random() * below)
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => pick(256)))
  const columns = () => ({ amount: 100 * random(), count: pick(10) === 0 ? null : pick(100), wait: random() })
  const good = () => framed(base.id, base.type.toBuffer(columns()))
  const of = (name: string, fields: object) => framed(odd[name].id, (odd[name].type as avro.Type).toBuffer(fields))
  const rich = (more: object = {}) =>
    of('rich', {
      ...columns(),
      id: `row ${pick(1e6)}`,
      tags: ['a', 'b'],
      attributes: { x: 1, y: -1 },
      kind: 'B',
      flag: true,
      blob: bytes(pick(50)),
      inner: { any: 's' },
      ...more,
    })
  const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) })
  const chain = (levels: number): unknown => {
    let node: unknown = null
    for (let level = 0; level < levels; level++) node = { n: level % 60, next: node }
    return node
  }
  const kinds: Record<string, () => MadeRow> = {
    tombstone: () => ({ value: null, fate: rowErrors.none }),
    'of another schema': () => ({ value: rich(), fate: rowErrors.none }),
    '200 records deep': () => ({ value: of('deep', { ...columns(), down: deep(200) }), fate: rowErrors.none }),
    'a list 500 nodes long': () => ({
      value: of('recursive', { ...columns(), list: chain(500) }),
      fate: rowErrors.none,
    }),

    // A model may be of a field with a logical type, so that one is no mismatch.
    'a column that means a day': () => ({ value: of('logical', { ...columns(), count: 3 }), fate: rowErrors.none }),

    empty: () => ({ value: Buffer.alloc(0), fate: rowErrors.badFraming }),
    'four bytes': () => ({ value: Buffer.alloc(4), fate: rowErrors.badFraming }),
    'bad magic': () => ({ value: withByte(good(), 0, 1 + pick(255)), fate: rowErrors.badFraming }),
    'random bytes': () => ({ value: withByte(bytes(6 + pick(200)), 0, 0x42), fate: rowErrors.badFraming }),

    'unknown id': () => ({ value: framed(2 ** 31 - 1 - pick(3), good().subarray(5)), fate: rowErrors.unknownSchema }),
    'negative id': () => ({ value: framed(-1 - pick(9), good().subarray(5)), fate: rowErrors.unknownSchema }),
    'id of a JSON schema': () => ({ value: framed(noAvroId, good().subarray(5)), fate: rowErrors.unknownSchema }),

    'a column missing': () => ({ value: of('columnMissing', columns()), fate: rowErrors.schemaMismatch }),
    'a column of another type': () => ({
      value: of('wrongType', { ...columns(), amount: 'many' }),
      fate: rowErrors.schemaMismatch,
    }),
    'a field of our own name': () => ({
      value: of('stamped', { ...columns(), model_version: 7 }),
      fate: rowErrors.schemaMismatch,
    }),
    'of a schema that is text': () => ({ value: framed(odd.text.id, bytes(20)), fate: rowErrors.schemaMismatch }),
    'of a schema that is an enum': () => ({
      value: framed(odd.choice.id, Buffer.alloc(1)),
      fate: rowErrors.schemaMismatch,
    }),
    'of a schema nested too deep': () => ({
      value: framed(odd.tooDeep.id, good().subarray(5)),
      fate: rowErrors.schemaMismatch,
    }),

    'no body': () => ({ value: good().subarray(0, 5), fate: rowErrors.malformed }),
    truncated: () => ({ value: shortened(good(), 1 + pick(8)), fate: rowErrors.malformed }),
    'a rich row truncated': () => ({ value: shortened(rich(), 1 + pick(30)), fate: rowErrors.malformed }),
    'a branch that is none': () => ({
      value: framed(base.id, Buffer.concat([Buffer.alloc(8), Buffer.from([14]), Buffer.alloc(8)])),
      fate: rowErrors.malformed,
    }),
    'an endless varint': () => ({
      value: framed(base.id, Buffer.concat([Buffer.alloc(8), endlessVarint])),
      fate: rowErrors.malformed,
    }),
    'a length beyond the end': () => ({
      value: framed(odd.rich.id, Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f, 1])),
      fate: rowErrors.malformed,
    }),
    'a negative length': () => ({ value: framed(odd.rich.id, Buffer.from([1, 0, 0])), fate: rowErrors.malformed }),
    'a list deeper than any stack': () => ({
      value: framed(
        odd.recursive.id,
        // amount, count null; then node after node, each said to have another one.
        Buffer.concat([Buffer.alloc(9), Buffer.from('0200'.repeat(100_000), 'hex')]),
      ),
      fate: rowErrors.malformed,
    }),

    'a byte too many': () => ({ value: Buffer.concat([good(), bytes(1)]), fate: rowErrors.trailingBytes }),
    'two rows in one': () => ({ value: Buffer.concat([good(), good()]), fate: rowErrors.trailingBytes }),

    NaN: () => ({
      value: framed(base.id, base.type.toBuffer({ ...columns(), amount: NaN })),
      fate: rowErrors.notFinite,
    }),
    infinite: () => ({
      value: framed(base.id, base.type.toBuffer({ ...columns(), wait: pick(2) === 0 ? Infinity : -Infinity })),
      fate: rowErrors.notFinite,
    }),
    'beyond 2^49': () => ({
      value: rich({ count: (pick(2) === 0 ? 1 : -1) * (2 ** 50 + pick(1e6)) }),
      fate: rowErrors.beyondExact,
    }),

    'a good row with a byte changed': () => {
      const row = pick(2) === 0 ? good() : rich()
      return { value: withByte(row, 5 + pick(row.length - 5), pick(256)), fate: 'either' }
    },
    'a good row with a piece missing': () => {
      const row = rich()
      const at = 5 + pick(row.length - 5)
      return { value: Buffer.concat([row.subarray(0, at), row.subarray(at + 1 + pick(4))]), fate: 'either' }
    },
    'random bytes in framing': () => ({
      value: framed([base.id, odd.rich.id, odd.recursive.id, odd.deep.id][pick(4)], bytes(pick(100))),
      fate: 'either',
    }),
  }
  return new Map(Object.entries(kinds))
}

export function framed(schemaId: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.writeInt32BE(schemaId, 1)
  return Buffer.concat([head, body])
}

export function shortened(row: Buffer, by: number): Buffer {
  return row.subarray(0, Math.max(5, row.length - by))
}

function withByte(row: Buffer, at: number, byte: number): Buffer {
  const changed = Buffer.from(row)
  changed[at] = byte
  return changed
}
