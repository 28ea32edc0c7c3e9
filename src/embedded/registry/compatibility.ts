import type { AvroEnum, AvroField, AvroFixed, AvroRecord, AvroType } from '../../rows/avro-schema.ts'
import { hasDefault } from './schema-defaults.ts'

/** Why values of one schema may not be readable by another, in the terms of Apache Avro. */
export interface Incompatibility {
  readonly kind:
    | 'NAME_MISMATCH'
    | 'FIXED_SIZE_MISMATCH'
    | 'MISSING_ENUM_SYMBOLS'
    | 'READER_FIELD_MISSING_DEFAULT_VALUE'
    | 'TYPE_MISMATCH'
    | 'MISSING_UNION_BRANCH'
  /** in the reader, as /fields/0/type */
  readonly place: string
  readonly message: string
}

/**
 * What keeps a reader with one schema from reading all values that are written with another: none if it can.
 *
 * The rules and the order of the answer are those of Apache Avro's SchemaCompatibility, by which registries judge. They
 * are laxer than the specification: of names, only the part after the last dot counts, and logical types do not count.
 *
 * @throws AmbiguousFieldError as Java does
 */
export function incompatibilities(reader: AvroType, writer: AvroType): readonly Incompatibility[] {
  return new Comparison().compare(reader, writer, '')
}

/** A field of the reader is, by its name and aliases, several fields of the writer. */
export class AmbiguousFieldError extends Error {}

type Found = readonly Incompatibility[]

const promotions: Readonly<Record<string, readonly string[]>> = {
  long: ['int'],
  float: ['int', 'long'],
  double: ['int', 'long', 'float'],
  bytes: ['string'],
  string: ['bytes'],
}

class Comparison {
  /** results by reader and writer; none while they are compared: a recursive type is as good as the rest of it */
  readonly #known = new Map<AvroType, Map<AvroType, Found>>()

  compare(reader: AvroType, writer: AvroType, place: string): Found {
    const byWriter = this.#known.get(reader) ?? new Map<AvroType, Found>()
    this.#known.set(reader, byWriter)
    const known = byWriter.get(writer)
    if (known !== undefined) return known
    byWriter.set(writer, [])
    const found = this.#compare(reader, writer, place)
    byWriter.set(writer, found)
    return found
  }

  #compare(reader: AvroType, writer: AvroType, place: string): Found {
    if (writer.kind === 'union') return this.#compareBranches(reader, writer.branches, place)
    if (reader.kind === 'union') {
      const isRead = reader.branches.some((branch) => this.compare(branch, writer, '').length === 0)
      return isRead ? [] : [missingBranch(writer, place)]
    }
    switch (reader.kind) {
      case 'array':
        if (writer.kind === 'array') return this.compare(reader.items, writer.items, `${place}/items`)
        break
      case 'map':
        if (writer.kind === 'map') return this.compare(reader.values, writer.values, `${place}/values`)
        break
      case 'fixed':
        if (writer.kind === 'fixed')
          return [...compareNames(reader, writer, place), ...compareSizes(reader, writer, place)]
        break
      case 'enum':
        if (writer.kind === 'enum')
          return [...compareNames(reader, writer, place), ...compareSymbols(reader, writer, place)]
        break
      case 'record':
        if (writer.kind === 'record')
          return [...compareNames(reader, writer, place), ...this.#compareFields(reader, writer, place)]
        break
      default:
        if (reader.kind === writer.kind || promotions[reader.kind]?.includes(writer.kind)) return []
    }
    return [mismatch(reader, writer, place)]
  }

  #compareBranches(reader: AvroType, branches: readonly AvroType[], place: string): Found {
    return branches.flatMap((branch, i) => {
      if (reader.kind !== 'union') return this.compare(reader, branch, `${place}/${i}`)
      return this.compare(reader, branch, '').length === 0 ? [] : [missingBranch(branch, `${place}/${i}`)]
    })
  }

  #compareFields(reader: AvroRecord, writer: AvroRecord, place: string): Found {
    return reader.fields.flatMap((field, i) => {
      const at = `${place}/fields/${i}`
      const written = writtenField(field, writer)
      if (written !== undefined) return this.compare(field.type, written.type, `${at}/type`)
      if (hasDefault(field)) return []
      // Java compares an enum that has a default of its own with the whole record: it never fits.
      if (field.type.kind === 'enum' && field.type.default !== undefined)
        return this.compare(field.type, writer, `${at}/type`)
      return [{ kind: 'READER_FIELD_MISSING_DEFAULT_VALUE', place: at, message: field.name }]
    })
  }
}

function writtenField(field: AvroField, writer: AvroRecord): AvroField | undefined {
  const names = new Set([field.name, ...(field.aliases ?? [])])
  const written = writer.fields.filter(({ name }) => names.has(name))
  if (written.length > 1)
    throw new AmbiguousFieldError(`Reader record field ${field.name} matches multiple fields in writer record schema`)
  return written[0]
}

type NamedType = AvroRecord | AvroEnum | AvroFixed

function compareNames(reader: NamedType, writer: NamedType, place: string): Found {
  if (shortName(reader) === shortName(writer) || reader.aliases?.includes(writer.name)) return []
  return [{ kind: 'NAME_MISMATCH', place: `${place}/name`, message: `expected: ${writer.name}` }]
}

function shortName({ name }: NamedType): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

function compareSizes(reader: AvroFixed, writer: AvroFixed, place: string): Found {
  if (reader.sizeBytes === writer.sizeBytes) return []
  const message = `expected: ${writer.sizeBytes}, found: ${reader.sizeBytes}`
  return [{ kind: 'FIXED_SIZE_MISMATCH', place: `${place}/size`, message }]
}

function compareSymbols(reader: AvroEnum, writer: AvroEnum, place: string): Found {
  const missing = writer.symbols.filter((symbol) => !reader.symbols.includes(symbol)).sort()
  if (missing.length === 0 || reader.default !== undefined) return []
  return [{ kind: 'MISSING_ENUM_SYMBOLS', place: `${place}/symbols`, message: `[${missing.join(', ')}]` }]
}

function missingBranch(writer: AvroType, place: string): Incompatibility {
  return {
    kind: 'MISSING_UNION_BRANCH',
    place: place || '/',
    message: `reader union lacking writer type: ${kindOf(writer)}`,
  }
}

function mismatch(reader: AvroType, writer: AvroType, place: string): Incompatibility {
  const message = `reader type: ${kindOf(reader)} not compatible with writer type: ${kindOf(writer)}`
  return { kind: 'TYPE_MISMATCH', place: place || '/', message }
}

function kindOf({ kind }: AvroType): string {
  return kind.toUpperCase()
}
