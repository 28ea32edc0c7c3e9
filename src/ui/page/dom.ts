import htm from 'htm'
import { h, type VNode } from 'preact'

/** Markup in the notation of JSX. Whatever stands in ${} is text or an attribute, never markup. */
export const html = htm.bind(h) as (strings: TemplateStringsArray, ...values: unknown[]) => VNode

export type Child = VNode | string | number | null | undefined | false | readonly Child[]

/** Classes that are in force. */
export function classes(...names: (string | false | undefined)[]): string {
  return names.filter(Boolean).join(' ')
}
