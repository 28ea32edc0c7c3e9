import { useEffect, useRef, useState } from 'preact/hooks'
import type { FlowState } from '../api.ts'
import { type Child, classes, html } from './dom.ts'
import { ago, time, zone } from './format.ts'
import type { RequestError } from './live.ts'

// Small parts that several pages have.

const signs: Readonly<Record<FlowState, string>> = { good: '●', warn: '▲', bad: '■', idle: '○' }

/** A state: its sign and its words, so that its colour says nothing alone. */
export function State({ state, children }: { state: FlowState; children: Child }) {
  return html`<span class=${`state ${state}`}><span aria-hidden="true">${signs[state]}</span> ${children}</span>`
}

/** A time as people say it, with the exact one. */
export function Ago({ ms }: { ms: number }) {
  return html`<time dateTime=${new Date(ms).toISOString()} title=${`${time(ms)}, ${zone()}`}>${ago(ms)}</time>`
}

/** A mode of a column in its colour. */
export function Mode({ mode, href, title }: { mode: number; href?: string; title?: string }) {
  const name = classes('mode', `m${mode % 10}`)
  return href === undefined
    ? html`<span class=${name} title=${title}>${mode}</span>`
    : html`<a class=${name} href=${href} title=${title}>${mode}</a>`
}

/** A command that one can copy. */
export function Command({ text }: { text: string }) {
  return html`<span class="command"><code>${text}</code><${Copy} text=${() => text} label="Copy the command" /></span>`
}

export function Copy({ text, label, children }: { text: () => string; label: string; children?: Child }) {
  const [told, setTold] = useState<string | undefined>(undefined)
  useEffect(() => {
    if (told === undefined) return
    const timer = setTimeout(() => setTold(undefined), 1_500)
    return () => clearTimeout(timer)
  }, [told])
  const copy = () => void isCopied(text()).then((isDone) => setTold(isDone ? 'Copied' : 'Not copied'))
  return html`<button type="button" class="quiet" aria-label=${label} onClick=${copy}>${
    told ?? children ?? 'Copy'
  }</button>`
}

/** A browser gives no clipboard to a page that came without TLS from another machine, and none without the focus. */
async function isCopied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const before = document.activeElement
    const area = document.createElement('textarea')
    area.value = text
    area.className = 'sr'
    document.body.append(area)
    area.select()
    const isDone = document.execCommand('copy')
    area.remove()
    if (before instanceof HTMLElement) before.focus()
    return isDone
  }
}

/** Hands a text over as a file. */
export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 1_000)
}

export function Problem({ error }: { error: RequestError }) {
  return html`<div class="problem" role="alert">
    <${State} state="bad">${error.message}<//>
    ${error.fix && html`<p>${error.fix}.</p>`}
  </div>`
}

/** A page without anything: what would fill it, and the command for that. */
export function Empty({ title, children, command }: { title: string; children?: Child; command?: string | undefined }) {
  return html`<div class="empty">
    <h1 class="lead">${title}</h1>
    ${children && html`<p>${children}</p>`}
    ${command && html`<${Command} text=${command} />`}
  </div>`
}

/** Says what is awaited, if it takes longer than one notices. */
export function Waiting({ children }: { children: Child }) {
  const isLong = useLater(300)
  return html`<p class="waiting" role="status">${isLong ? children : ' '}</p>`
}

/** Whether so many ms have passed since the first view. */
export function useLater(ms: number): boolean {
  const [isLater, setLater] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLater(true), ms)
    return () => clearTimeout(timer)
  }, [ms])
  return isLater
}

/** What is seen first does not wait for a hundred columns. */
export const wholeAfterMs = 100

/** The width of an element in px, as it changes. */
export function useWidth<E extends Element>(initial = 640): [{ current: E | null }, number] {
  const ref = useRef<E>(null)
  const [width, setWidth] = useState(initial)
  useEffect(() => {
    const element = ref.current
    if (element === null) return
    // It is called once as it begins, when the layout is known.
    const observer = new ResizeObserver(([{ contentRect }]) => setWidth(Math.max(120, Math.floor(contentRect.width))))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  return [ref, width]
}
