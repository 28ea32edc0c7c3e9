import type { AvroField, AvroRecord, AvroType } from './avro-schema.ts'

/**
 * A column's name: that of a field, or the names of the fields on the way to it with dots between them, as in
 * `order.amount`. No name of a field has a dot.
 */
export type ColumnPath = string

/** Columns by the fields on the way to them: at the end of a path its column, before it the columns within a record. */
export type ColumnTree = ReadonlyMap<string, number | ColumnTree>

/** @param paths of columns; the tree holds their indices */
export function columnTree(paths: readonly ColumnPath[]): ColumnTree {
  const tree = new Map<string, number | ColumnTree>()
  for (const [column, path] of paths.entries()) {
    const steps = path.split('.')
    let inner = tree
    for (const step of steps.slice(0, -1)) {
      const known = inner.get(step)
      const next = typeof known === 'object' ? (known as Map<string, number | ColumnTree>) : new Map()
      inner.set(step, next)
      inner = next
    }
    inner.set(steps[steps.length - 1], column)
  }
  return tree
}

/** Fields on the way to a column, itself included. */
export const mostSteps = 64

/** A path's end. */
export interface PathEnd {
  readonly field: AvroField
  /** whether a record on the way may be null */
  readonly isWithinNull: boolean
}

/** Why a path has no end: a clause. */
export interface PathProblem {
  readonly problem: string
}

/** Follows a path through nested records, nullable or not. */
export function followPath(schema: AvroRecord, path: ColumnPath): PathEnd | PathProblem {
  let record = schema
  let isWithinNull = false
  const steps = path.split('.')
  const passed = new Set([schema.name])
  if (steps.length > mostSteps) return { problem: `it is the end of more than ${mostSteps} fields` }
  for (const [i, step] of steps.entries()) {
    const field = fieldsByName(record).get(step)
    if (field === undefined) return { problem: `${record.name} has no field "${step}"` }
    if (i === steps.length - 1) return { field, isWithinNull }
    const { present, isNullable } = withoutNull(field.type)
    const called = steps.slice(0, i + 1).join('.')
    if (present.kind !== 'record') return { problem: `"${called}" is ${whyNoRecord(present)}` }
    if (passed.has(present.name))
      return {
        problem: `"${called}" is a record ${present.name} within another one, so that a row may hold any number`,
      }
    passed.add(present.name)
    isWithinNull ||= isNullable
    record = present
  }
  return { problem: 'it has no name' }
}

function whyNoRecord(type: AvroType): string {
  const many = 'a row holds any number of its values, and a column has one of each row'
  if (type.kind === 'array') return `an array: ${many}`
  if (type.kind === 'map') return `a map: ${many}`
  if (type.kind === 'union') return 'a union of several types: only a record, or a record and null, has columns'
  return `no record but ${type.kind}`
}

/** The other branch of a union of two with null; any other type as it is. */
export function withoutNull(type: AvroType): {
  readonly present: AvroType
  readonly isNullable: boolean
  /** whether null is the union's first branch */
  readonly nullFirst: boolean
} {
  const plain = { present: type, isNullable: false, nullFirst: false }
  if (type.kind !== 'union' || type.branches.length !== 2) return plain
  const [first, second] = type.branches
  if (first.kind === 'null') return { present: second, isNullable: true, nullFirst: true }
  return second.kind === 'null' ? { present: first, isNullable: true, nullFirst: false } : plain
}

/** Schemas have thousands of fields, and models as many columns. */
const fieldMaps = new WeakMap<AvroRecord, ReadonlyMap<string, AvroField>>()

function fieldsByName(record: AvroRecord): ReadonlyMap<string, AvroField> {
  let known = fieldMaps.get(record)
  if (known === undefined) {
    known = new Map(record.fields.map((field) => [field.name, field]))
    fieldMaps.set(record, known)
  }
  return known
}
