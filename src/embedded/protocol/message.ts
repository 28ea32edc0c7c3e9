import { type FrameReader, InvalidRequestError } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import type { Codec } from './primitives.ts'

/** A field that not every version has, or that may be left out when it is written. */
export interface Field<T, W = T> {
  readonly codec: Codec<T, W>
  readonly since: number
  /** the last version that has it */
  readonly until: number
  /** read from versions that lack it, and written if it is left out */
  readonly fallback: T
  /** its number, if it stands among the tagged fields */
  readonly tag?: number
}

type AnyCodec = Codec<unknown, never>
type AnyField = AnyCodec | Field<unknown, never>
type Fields = Readonly<Record<string, AnyField>>

type CodecOf<F> = F extends { readonly codec: infer C } ? C : F
export type ReadOf<C> = C extends { read(from: FrameReader): infer T } ? T : never
export type WrittenOf<C> = C extends { write(to: FrameWriter, value: infer W): void } ? W : never

type LeftOut<F> = { [name in keyof F]: F[name] extends { readonly codec: unknown } ? name : never }[keyof F]
type ReadFields<F> = { readonly [name in keyof F]: ReadOf<CodecOf<F[name]>> }
type WrittenFields<F> = { readonly [name in Exclude<keyof F, LeftOut<F>>]: WrittenOf<F[name]> } & {
  readonly [name in LeftOut<F>]?: WrittenOf<CodecOf<F[name]>>
}

/** A field of the versions from `version` on; of all versions with 0, if only to have a default. */
export function since<T, W>(version: number, codec: Codec<T, W>, fallback: NoInfer<T>): Field<T, W> {
  return { codec, since: version, until: Infinity, fallback }
}

/** A field of the versions up to and with `version`. */
export function until<T, W>(version: number, codec: Codec<T, W>, fallback: NoInfer<T>): Field<T, W> {
  return { codec, since: 0, until: version, fallback }
}

/** A field of the versions from `first` to `last`. */
export function between<T, W>(first: number, last: number, codec: Codec<T, W>, fallback: NoInfer<T>): Field<T, W> {
  return { codec, since: first, until: last, fallback }
}

/** A tagged field of the flexible versions from `version` on; it is not written if it is left out. */
export function tagged<T, W>(tag: number, version: number, codec: Codec<T, W>, fallback: NoInfer<T>): Field<T, W> {
  return { codec, since: version, until: Infinity, fallback, tag }
}

/**
 * A group of fields, in the order in which they are written.
 *
 * Reading gives a field that the version lacks its default. Writing leaves out what the version lacks, whatever value
 * it is given. Tagged fields that are not declared are skipped.
 */
export function struct<const F extends Fields>(fields: F): Codec<ReadFields<F>, WrittenFields<F>> {
  const all = Object.entries(fields as Readonly<Record<string, Codec<unknown> | Field<unknown>>>).map(
    ([name, field]): Field<unknown> & { readonly name: string } =>
      'codec' in field ? { ...field, name } : { name, codec: field, since: 0, until: Infinity, fallback: undefined },
  )
  const inOrder = all.filter(({ tag }) => tag === undefined)
  const tagged = all.filter(({ tag }) => tag !== undefined)
  const byTag = new Map(tagged.map((field) => [field.tag, field]))
  const has = ({ since, until }: Field<unknown>, version: number): boolean => version >= since && version <= until

  return {
    read(from) {
      const { version, isFlexible } = from.format
      const value: Record<string, unknown> = {}
      for (const field of inOrder) value[field.name] = has(field, version) ? field.codec.read(from) : field.fallback
      for (const field of tagged) value[field.name] = field.fallback
      if (isFlexible)
        readTagged(from, (tag) => {
          const field = byTag.get(tag)
          if (field !== undefined && has(field, version)) value[field.name] = field.codec.read(from)
          return field !== undefined && has(field, version)
        })
      return value as ReadFields<F>
    },
    write(to, given) {
      const { version, isFlexible } = to.format
      const value = given as Readonly<Record<string, unknown>>
      for (const field of inOrder)
        if (has(field, version))
          field.codec.write(to, value[field.name] === undefined ? field.fallback : value[field.name])
      if (!isFlexible) return
      const written = tagged.filter(
        (field) => has(field, version) && value[field.name] !== undefined && value[field.name] !== field.fallback,
      )
      writeTagged(
        to,
        written.map(({ tag, codec, name }) => [tag as number, (content) => codec.write(content, value[name])]),
      )
    },
  }
}

/**
 * Reads the tagged fields that end a structure of a flexible version.
 *
 * @param read reads the field and returns true, or leaves it
 */
export function readTagged(from: FrameReader, read: (tag: number) => boolean): void {
  for (let count = from.unsignedVarint(); count > 0; count--) {
    const tag = from.unsignedVarint()
    const size = from.unsignedVarint()
    const { at } = from
    if (!read(tag)) from.bytes(size)
    else if (from.at !== at + size)
      throw new InvalidRequestError(`the tagged field at byte ${at} has not ${size} bytes`)
  }
}

export function writeTagged(
  to: FrameWriter,
  fields: readonly (readonly [tag: number, write: (content: FrameWriter) => void])[],
): void {
  to.unsignedVarint(fields.length)
  for (const [tag, write] of fields) {
    const content = new FrameWriter(to.format)
    write(content)
    to.unsignedVarint(tag)
    to.unsignedVarint(content.byteLength)
    to.append(content.pieces())
  }
}

export interface Api<N extends string = string, Request = AnyCodec, Response = AnyCodec> {
  /** its number in request headers */
  readonly key: number
  readonly name: N
  /** those that we offer */
  readonly versions: readonly [oldest: number, newest: number]
  /** the first version with compact lengths and tagged fields; Infinity if there is none */
  readonly flexibleFrom: number
  readonly request: Request
  readonly response: Response
}

/** Declares an API; the types of its request and its answer are those of its codecs. */
export function api<const N extends string, Request extends AnyCodec, Response extends AnyCodec>(
  declaration: Api<N, Request, Response>,
): Api<N, Request, Response> {
  return declaration
}
