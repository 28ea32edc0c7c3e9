import type { Rule, ValueRule } from '../config/value-rules.ts'
import { UsageError } from '../errors.ts'
import { suggestion } from '../nearest-name.ts'

/** What an option may be: a value by its rule, or an object of options. */
export type Check<T> = ValueRule<T> | ObjectCheck<T>

export interface ObjectRule {
  /** @throws UsageError that names the place and what is there */
  readonly check: (value: unknown, place: Place) => void
}

export interface ObjectCheck<T> extends ObjectRule {
  readonly of?: (value: T) => T
}

/** Where an option stands: in which function, and below which other options. */
export interface Place {
  readonly caller: string
  /** as 'topics.raw'; empty for the options object itself */
  readonly path: string
}

type RequiredName<T> = { [K in keyof T]-?: object extends Pick<T, K> ? never : K }[keyof T]
type RequiredChecks<T> = { readonly [K in RequiredName<T>]: Check<T[K]> }
type OptionalChecks<T> = {
  readonly [K in Exclude<keyof T, RequiredName<T>>]-?: Check<Exclude<T[K], undefined>>
}

/** Checks the options of one function. */
export interface OptionChecks<T> {
  /** the function */
  readonly caller: string
  /** @throws UsageError that names the function, the option, its value and what it may be */
  readonly check: (options: T) => void
}

/**
 * What the options of a function may be: a check for each, none forgotten and none misspelt, or it does not compile.
 *
 * @param caller   the function's name
 * @param required those that must be there
 * @param optional those that may be undefined
 */
export function optionChecks<T extends object>(
  caller: string,
  required: RequiredChecks<T>,
  optional: OptionalChecks<T>,
): OptionChecks<T> {
  const { check } = fields<T>(required, optional)
  return { caller, check: (options) => check(options, { caller, path: '' }) }
}

/** An object of options below another one. */
export function fields<T extends object>(required: RequiredChecks<T>, optional: OptionalChecks<T>): ObjectCheck<T> {
  const needed = new Map<string, Rule | ObjectRule>(Object.entries(required))
  const all = new Map<string, Rule | ObjectRule>([...needed, ...Object.entries<Rule | ObjectRule>(optional)])
  const may = needed.size === 0 ? 'an object' : `an object with ${[...needed.keys()].join(', ')}`
  return {
    check: (value, place) => {
      if (!isPlainObject(value)) throw refused(place, kindOf(value), may)
      for (const name of Object.keys(value)) if (!all.has(name)) throw unknown(place, name, [...all.keys()])
      for (const [name, check] of all) {
        const below = { ...place, path: place.path === '' ? name : `${place.path}.${name}` }
        const option = value[name]
        if (option !== undefined) checkValue(check, option, below)
        else if (needed.has(name)) throw missing(below, check)
      }
    },
  }
}

/** An object of one of several kinds, which it tells itself. */
export function kinds<T>(choose: (value: Readonly<Record<string, unknown>>) => ObjectRule): ObjectCheck<T> {
  return {
    check: (value, place) => {
      if (!isPlainObject(value)) throw refused(place, kindOf(value), 'an object')
      choose(value).check(value, place)
    },
  }
}

/** An object of any names, each with a value of one rule. */
export function record<T>(rule: ValueRule<T>): ObjectCheck<Readonly<Record<string, T>>> {
  return {
    check: (value, place) => {
      if (!isPlainObject(value)) throw refused(place, kindOf(value), `an object of names, each with ${rule.may}`)
      for (const [name, each] of Object.entries(value))
        checkValue(rule, each, { ...place, path: `${place.path}.${name}` })
    },
  }
}

/** An object that has the shape, and of which more is asked. */
export function judged<T>(
  shape: ObjectCheck<T>,
  problemOf: (value: T) => { readonly what: string; readonly fix: string } | undefined,
): ObjectCheck<T> {
  return {
    check: (value, place) => {
      shape.check(value, place)
      const problem = problemOf(value as T)
      if (problem !== undefined) throw new UsageError(`${place.caller}: ${place.path} ${problem.what}`, problem.fix)
    },
  }
}

function checkValue(check: Rule | ObjectRule, value: unknown, place: Place): void {
  if ('check' in check) check.check(value, place)
  else if (!check.allows(value)) throw refused(place, shown(value, check.show), check.may)
}

function refused({ caller, path }: Place, value: string, may: string): UsageError {
  const what = path === '' ? `its options are ${value}` : `${path} is ${value}`
  return new UsageError(`${caller}: ${what}`, `Give ${may}`)
}

function missing({ caller, path }: Place, check: Rule | ObjectRule): UsageError {
  const may = 'may' in check ? `: ${check.may}` : ''
  return new UsageError(`${caller}: ${path} is missing`, `Give ${path}${may}`)
}

function unknown({ caller, path }: Place, name: string, known: readonly string[]): UsageError {
  const what = path === '' ? `there is no option ${name}` : `${path} has no option ${name}`
  return new UsageError(`${caller}: ${what}`, `${suggestion(name, known)}Give one of ${known.join(', ')}`)
}

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

const mostShown = 80

/** What stands where an object should: it may be a secret itself. */
const kindOf = (value: unknown): string => (typeof value === 'string' ? 'a text' : shown(value))

/** A value in a message. What is in an object is not shown, for it may hold a secret. */
function shown(value: unknown, show = (text: string) => text): string {
  if (typeof value === 'string') return quoted(show(value))
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) {
    const plain = value.every((item) => typeof item !== 'object' && typeof item !== 'function')
    return plain && value.length <= 5 ? `[${value.map((item) => shown(item, show)).join(', ')}]` : 'an array'
  }
  if (typeof value !== 'object' || value === null) return String(value)
  return isPlainObject(value) ? 'an object' : `an instance of ${value.constructor?.name ?? 'a class'}`
}

function quoted(text: string): string {
  return JSON.stringify(text.length > mostShown ? `${text.slice(0, mostShown)}...` : text)
}
