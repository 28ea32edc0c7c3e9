import avsc, { type Schema, type Type } from 'avsc'
import type { AvroRecord, AvroType } from '../../src/rows/avro-schema.ts'
import type { NumericColumn } from '../../src/rows/numeric-columns.ts'
import { SeededDraw } from '../seeded-random.ts'

/** A schema and rows of it, drawn from a seed. */
export interface AvroSample {
  readonly schema: { name: string; namespace?: string; fields: { name: string; type: unknown }[] }
  readonly rows: readonly Record<string, unknown>[]
}

/** avsc's type, the oracle of these tests; union values are always wrapped as {branch: value}. */
export function oracle(schema: unknown): Type {
  return avsc.Type.forSchema(schema as Schema, { wrapUnions: 'always' })
}

/** A column's number in a row; null if it is null, or a record on the way to it. */
export function numberIn(
  row: unknown,
  schema: AvroRecord,
  { name, decimal }: Pick<NumericColumn, 'name' | 'decimal'>,
): number | null {
  let value = row
  let type: AvroType = schema
  for (const step of name.split('.')) {
    if (value === null) return null
    type = (present(type) as AvroRecord).fields.find((field) => field.name === step)?.type as AvroType
    value = unwrapped(type, (value as Record<string, unknown>)[step])
  }
  if (decimal === undefined || value === null) return value as number | null
  const bytes = value as Buffer
  return Number(`${BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString('hex')}`))}e-${decimal.scale}`)
}

/** A value without the wrapper of its union branch; null for null. */
export function unwrapped(type: AvroType, value: unknown): unknown {
  return type.kind === 'union' && value !== null ? Object.values(value as Record<string, unknown>)[0] : value
}

/** The other branch of a union with null. */
export function present(type: AvroType): AvroType {
  return type.kind === 'union' ? (type.branches.find(({ kind }) => kind !== 'null') ?? type) : type
}

/** Draws a record schema of every Avro type, nested, recursive, nullable and logical, and some rows. */
export function avroSample(seed: number): AvroSample {
  const draw = new Draw(seed)
  const schema = draw.record(0, draw.oneOf([undefined, 'shop', 'shop.eu']))
  const rows = Array.from({ length: draw.below(6) + 1 }, () => draw.value(schema, 0) as Record<string, unknown>)
  return { schema: schema as AvroSample['schema'], rows }
}

type Json = Record<string, unknown>

const numbers = ['int', 'long', 'float', 'double']
const leaves = [...numbers, 'boolean', 'bytes', 'string', 'null']
const logical = [
  { type: 'int', logicalType: 'date' },
  { type: 'long', logicalType: 'timestamp-millis' },
  { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 },
  { type: 'bytes', logicalType: 'decimal', precision: 30, scale: 30 },
  { type: 'string', logicalType: 'uuid' },
]

class Draw extends SeededDraw {
  #names = 0
  /** named types by full name */
  readonly #types = new Map<string, Json>()
  /** records that are not complete yet: only a union with null may hold them again */
  readonly #open = new Set<string>()

  record(depth: number, namespace: string | undefined): Json {
    const { json, name } = this.#named('record', namespace)
    this.#open.add(name)
    json.fields = Array.from({ length: this.below(depth === 0 ? 9 : 4) }, (_, i) => ({
      name: `f${i}`,
      type: this.unit() < (depth === 0 ? 0.55 : 0.2) ? this.#number(namespace) : this.type(depth + 1, namespace),
    }))
    this.#open.delete(name)
    return json
  }

  type(depth: number, namespace: string | undefined): unknown {
    const known = [...this.#types.keys()]
    const choice = this.below(depth > 3 ? 3 : 13)
    if (choice === 0) return this.oneOf(leaves)
    if (choice === 1) return this.oneOf(logical)
    if (choice === 2) {
      const name = this.oneOf(known)
      // avsc, like the specification, would look a bare name up in the enclosing namespace.
      if (namespace !== undefined && !name.includes('.')) return 'string'
      return this.#open.has(name) ? ['null', name] : name
    }
    if (choice === 3) return { type: 'array', items: this.type(depth + 1, namespace) }
    if (choice === 4) return { type: 'map', values: this.type(depth + 1, namespace) }
    if (choice === 5) return Object.assign(this.#named('fixed', namespace).json, { size: this.below(6) })
    if (choice === 6) return Object.assign(this.#named('enum', namespace).json, { symbols: ['A', 'B', 'C'] })
    if (choice === 7) return this.record(depth + 1, this.oneOf([namespace, 'other.place']))
    if (choice === 8) return ['null', this.record(depth + 1, this.oneOf([namespace, 'other.place']))]
    if (choice === 9) return [this.record(depth + 1, namespace), 'null']
    return this.#union(depth, namespace)
  }

  value(type: unknown, depth: number): unknown {
    if (Array.isArray(type)) return this.#branch(type, depth)
    const json = typeof type === 'string' ? (this.#types.get(type) ?? { type }) : (type as Json)
    switch (json.type) {
      case 'record':
        return Object.fromEntries(
          (json.fields as { name: string; type: unknown }[]).map((f) => [f.name, this.value(f.type, depth + 1)]),
        )
      case 'array':
        return Array.from({ length: this.#length(depth) }, () => this.value(json.items, depth + 1))
      case 'map':
        return Object.fromEntries(
          Array.from({ length: this.#length(depth) }, (_, i) => [`k${i}`, this.value(json.values, depth + 1)]),
        )
      case 'fixed':
        if (json.logicalType === 'decimal') return this.#decimal(json)
        return Buffer.alloc(json.size as number, this.below(256))
      case 'enum':
        return this.oneOf(json.symbols as string[])
      case 'null':
        return null
      case 'boolean':
        return this.unit() < 0.5
      case 'int':
        return this.#integer(31)
      case 'long':
        return this.#integer(48)
      case 'float':
        return Math.fround((this.unit() - 0.5) * 10 ** this.below(30))
      case 'double':
        return (this.unit() - 0.5) * 10 ** this.below(300)
      case 'bytes':
        if (json.logicalType === 'decimal') return this.#decimal(json)
        return Buffer.alloc(this.below(this.oneOf([3, 200])), this.below(256))
      default:
        return 'é'.repeat(this.below(this.oneOf([3, 100])))
    }
  }

  #integer(bits: number): number {
    const magnitude = Math.floor(2 ** (this.unit() * bits))
    return this.unit() < 0.5 ? -magnitude : magnitude - 1
  }

  /** As few bytes as a writer needs, or those of the fixed; below 2^48 units. */
  #decimal({ size }: Json): Buffer {
    const most = size === undefined ? 48 : Math.min(48, 8 * (size as number) - 1)
    const units = BigInt(this.#integer(most))
    let bytes = 1
    while (BigInt.asIntN(8 * bytes, units) !== units) bytes++
    const length = (size as number | undefined) ?? bytes
    return Buffer.from(
      BigInt.asUintN(8 * length, units)
        .toString(16)
        .padStart(2 * length, '0'),
      'hex',
    )
  }

  #decimalType(namespace: string | undefined): unknown {
    const logicalType = { logicalType: 'decimal', precision: 22, scale: this.oneOf([0, 2, 22]) }
    if (this.unit() < 0.6) return { type: 'bytes', ...logicalType }
    return Object.assign(this.#named('fixed', namespace).json, { size: this.oneOf([1, 4, 8, 16]), ...logicalType })
  }

  #number(namespace: string | undefined): unknown {
    const plain = this.oneOf([this.oneOf(numbers), { type: this.oneOf(numbers), unit: 'm' }])
    const type = this.unit() < 0.15 ? this.#decimalType(namespace) : plain
    return this.oneOf<unknown>([type, ['null', type], [type, 'null']])
  }

  #union(depth: number, namespace: string | undefined): unknown {
    const branches = ['null', this.oneOf(leaves.slice(0, 4)), 'string', 'boolean'].slice(0, this.below(4) + 1)
    if (this.unit() < 0.5) branches.push(this.record(depth + 1, namespace) as never)
    return this.unit() < 0.5 ? branches.reverse() : branches
  }

  #branch(branches: unknown[], depth: number): unknown {
    const branch = depth > 5 && branches.includes('null') ? 'null' : this.oneOf(branches)
    if (branch === 'null') return null
    const value = this.value(branch, depth + 1)
    return { [typeof branch === 'string' ? branch : this.#branchName(branch as Json)]: value }
  }

  #branchName(json: Json): string {
    for (const [name, known] of this.#types) if (known === json) return name
    return json.type as string
  }

  #length(depth: number): number {
    return depth > 4 ? 0 : this.below(4)
  }

  #named(type: string, namespace: string | undefined): { json: Json; name: string } {
    const short = `T${this.#names++}`
    const name = namespace === undefined ? short : `${namespace}.${short}`
    const json: Json = { type, name: short, ...(namespace === undefined ? {} : { namespace }) }
    this.#types.set(name, json)
    return { json, name }
  }
}
