import { UsageError } from '../../errors.ts'
import { mostDecimals } from '../../mixture/decimals.ts'

/** One part of a mixture of normals. */
export interface NormalPart {
  /** weights are divided by their sum */
  readonly weight: number
  readonly mean: number
  readonly std: number
}

/** Where a column's numbers come from; parameters in the column's unit. */
export type Distribution =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'uniform'; readonly low: number; readonly high: number }
  | { readonly kind: 'normal'; readonly mean: number; readonly std: number }
  /** exp of a normal: mu and sigma are those of the logarithm */
  | { readonly kind: 'lognormal'; readonly mu: number; readonly sigma: number }
  | { readonly kind: 'exponential'; readonly mean: number }
  | { readonly kind: 'mixture'; readonly parts: readonly NormalPart[] }

const syntheticTypes = ['int', 'long', 'float', 'double'] as const
export type SyntheticType = (typeof syntheticTypes)[number]

export interface SyntheticColumn {
  /** of a field of a nested record: the names on the way to it, with dots between them */
  readonly name: string
  /** int and long are rounded, and cut off at the ends of their range */
  readonly type: SyntheticType
  readonly distribution: Distribution
  /** share of rows that are null, in [0, 1]; above 0 the field is `["null", T]` */
  readonly nullRate: number
  /** 0 to 15: floats and doubles are the ones next to fractions of so many decimals; as many as come unless given */
  readonly decimals?: number
}

/** What a row consists of. */
export type RowSpec = readonly SyntheticColumn[]

/** So that a column's number fits its share of the random numbers' key. */
const maxColumns = 4096

const fix =
  'Write columns as name:type=distribution, separated by semicolons: amount:double=lognormal(3,1); ' +
  'age:int=normal(40,12)|null(0.02); price:double=mixture(0.7:5:1,0.3:20:4)|decimals(2). Distributions: ' +
  'constant(value), ' +
  'uniform(low,high), normal(mean,std), lognormal(mu,sigma), exponential(mean), mixture(weight:mean:std,...)'

/**
 * Reads a specification of rows: either the short text, or JSON text of what this returns (nullRate may be left out).
 *
 * @throws UsageError naming the column and what is wrong with it
 *
 * @example
 * parseRowSpec('age:int=normal(40,12)|null(0.1)')
 * // [{ name: 'age', type: 'int', distribution: { kind: 'normal', mean: 40, std: 12 }, nullRate: 0.1 }]
 */
export function parseRowSpec(text: string): RowSpec {
  if (typeof text !== 'string')
    throw new UsageError(`parseRowSpec: the specification is no text but ${typeof text}`, fix)
  const columns = text.trimStart().startsWith('[') ? parseJson(text) : parseText(text)
  checkRowSpec(columns)
  return columns
}

/** @throws UsageError as `parseRowSpec` */
export function checkRowSpec(columns: RowSpec): void {
  if (columns.length === 0 || columns.length > maxColumns) {
    throw new UsageError(`A row needs between 1 and ${maxColumns} columns`, fix)
  }
  const names = new Set<string>()
  for (const column of columns) {
    checkColumn(column)
    if (names.has(column.name)) throw new UsageError(`Two columns are called "${column.name}"`, fix)
    names.add(column.name)
  }
  checkRecords(columns)
}

/** A record's columns stand side by side, as its bytes do, and nothing else has its name. */
function checkRecords(columns: RowSpec): void {
  const closed = new Set<string>()
  let open: readonly string[] = []
  for (const { name } of columns) {
    const steps = name.split('.')
    const records = steps.slice(1).map((_, i) => steps.slice(0, i + 1).join('.'))
    for (const record of open) if (!records.includes(record)) closed.add(record)
    const taken = [...records, name].find((each) => closed.has(each)) ?? (open.includes(name) ? name : undefined)
    if (taken !== undefined)
      throw new UsageError(`Column "${name}": other columns stand between those of record "${taken}"`, fix)
    closed.add(name)
    open = records
  }
}

/** The Avro schema of such rows, as JSON text; none of its records is null. */
export function syntheticSchema(recordName: string, spec: RowSpec): string {
  return JSON.stringify({ type: 'record', name: recordName, fields: fieldsOf(spec, '', recordName) })
}

/** @param path of the record: the names on the way to it, each with a dot after it */
function fieldsOf(spec: RowSpec, path: string, namespace: string): object[] {
  const fields = new Map<string, object>()
  for (const { name, type, nullRate } of spec) {
    const [step, ...rest] = name.slice(path.length).split('.')
    if (fields.has(step)) continue
    if (rest.length === 0) {
      fields.set(step, nullRate > 0 ? { name: step, type: ['null', type], default: null } : { name: step, type })
      continue
    }
    const inner = `${path}${step}.`
    const within = spec.filter((column) => column.name.startsWith(inner))
    const record = { type: 'record', name: step, namespace, fields: fieldsOf(within, inner, `${namespace}.${step}`) }
    fields.set(step, { name: step, type: record })
  }
  return [...fields.values()]
}

function parseJson(text: string): SyntheticColumn[] {
  try {
    const columns = JSON.parse(text) as SyntheticColumn[]
    return columns.map((column) => ({ ...column, nullRate: column.nullRate ?? 0 }))
  } catch (cause) {
    throw new UsageError(`The specification of rows is not JSON: ${(cause as Error).message}`, fix)
  }
}

const columnPattern = /^([^:=]+):([a-z]+)=([a-z]+)\(([^()]*)\)((?:\|(?:null|decimals)\([^()]*\))*)$/

function parseText(text: string): SyntheticColumn[] {
  const parts = text.split(/[;\n]/).map((part) => part.replace(/\s+/g, ''))
  return parts.filter((part) => part !== '').map(parseColumn)
}

function parseColumn(text: string): SyntheticColumn {
  const match = columnPattern.exec(text)
  if (match === null) throw new UsageError(`"${text}" is not a specification of a column`, fix)
  const [, name, type, kind, parameters, more] = match
  const distribution = parseDistribution(kind, parameters.split(','), text)
  const nullRate = option(more, 'null', text) ?? 0
  const decimals = option(more, 'decimals', text)
  return { name, type: type as SyntheticType, distribution, nullRate, ...(decimals !== undefined && { decimals }) }
}

/** The number of `|name(number)`. */
function option(options: string, name: string, text: string): number | undefined {
  const found = [...options.matchAll(/([a-z]+)\(([^()]*)\)/g)].filter((match) => match[1] === name)
  if (found.length > 1) throw new UsageError(`"${text}" says ${name} twice`, fix)
  return found.length === 0 ? undefined : Number(found[0][2])
}

function parseDistribution(kind: string, parameters: readonly string[], text: string): Distribution {
  const numbers = parameters.map(Number)
  const take = (count: number) => {
    if (numbers.length !== count) throw new UsageError(`"${text}": ${kind} takes ${count} numbers`, fix)
    return numbers
  }
  switch (kind) {
    case 'constant':
      return { kind, value: take(1)[0] }
    case 'uniform':
      return { kind, low: take(2)[0], high: numbers[1] }
    case 'normal':
      return { kind, mean: take(2)[0], std: numbers[1] }
    case 'lognormal':
      return { kind, mu: take(2)[0], sigma: numbers[1] }
    case 'exponential':
      return { kind, mean: take(1)[0] }
    case 'mixture':
      return { kind, parts: parameters.map(parsePart) }
    default:
      throw new UsageError(`"${text}": there is no distribution "${kind}"`, fix)
  }
}

function parsePart(text: string): NormalPart {
  const [weight, mean, std] = text.split(':').map(Number)
  return { weight, mean, std }
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/

function checkColumn(column: SyntheticColumn): void {
  if (typeof column !== 'object' || column === null) throw new UsageError(`${String(column)} is no column`, fix)
  const { name, type, distribution, nullRate, decimals } = column
  const problem = (what: string) => new UsageError(`Column "${name}": ${what}`, fix)
  if (!namePattern.test(name)) throw problem('the name is not a valid Avro name, nor several with dots between them')
  if (!syntheticTypes.includes(type)) throw problem(`the type is not one of ${syntheticTypes.join(', ')}`)
  if (!(nullRate >= 0 && nullRate <= 1)) throw problem('the share of nulls is not between 0 and 1')
  if (decimals !== undefined && !(Number.isInteger(decimals) && decimals >= 0 && decimals <= mostDecimals)) {
    throw problem(`the number of decimals is not an integer from 0 to ${mostDecimals}`)
  }
  if (decimals !== undefined && (type === 'int' || type === 'long')) throw problem(`${type} has no decimals`)
  if (typeof distribution !== 'object' || distribution === null) throw problem('it has no distribution')
  if (!isUsable(distribution)) throw problem('the numbers of its distribution are not finite or out of their range')
}

function isUsable(distribution: Distribution): boolean {
  switch (distribution.kind) {
    case 'constant':
      return Number.isFinite(distribution.value)
    case 'uniform':
      return Number.isFinite(distribution.high - distribution.low) && distribution.low <= distribution.high
    case 'normal':
      return Number.isFinite(distribution.mean) && isSpread(distribution.std)
    case 'lognormal':
      return Number.isFinite(distribution.mu) && isSpread(distribution.sigma)
    case 'exponential':
      return isSpread(distribution.mean)
    case 'mixture':
      return (
        Array.isArray(distribution.parts) &&
        distribution.parts.length > 0 &&
        distribution.parts.every(
          ({ weight, mean, std }) => isSpread(weight) && Number.isFinite(mean) && isSpread(std),
        ) &&
        distribution.parts.some(({ weight }) => weight > 0)
      )
    default:
      return false
  }
}

/** Whether a number can be a standard deviation, a weight or an exponential's mean. */
function isSpread(value: number): boolean {
  return Number.isFinite(value) && value >= 0
}
