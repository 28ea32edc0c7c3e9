import { render } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Flow, Session } from '../api.ts'
import { classes, html } from './dom.ts'
import { FlowPage } from './flow-page.ts'
import { plural } from './format.ts'
import { LettersPage } from './letters-page.ts'
import { useFlow, useJson } from './live.ts'
import { ModelsPage } from './models-page.ts'
import { Empty, Problem, State, Waiting } from './parts.ts'
import { go, pages, pageTitles, pathTo, type Route, useRoute } from './route.ts'
import { RowsPage } from './rows-page.ts'
import { RunsPage } from './runs-page.ts'

function App() {
  const route = useRoute()
  const session = useJson<Session>('/api/session')
  const dataset = route.dataset ?? session.data?.datasets[0]
  useEffect(() => {
    if (route.dataset === undefined && dataset !== undefined) go(pathTo(dataset, 'flow'), true)
  }, [route.dataset, dataset])
  if (session.error !== undefined && session.data === undefined)
    return html`<main><${Problem} error=${session.error} /></main>`
  if (dataset === undefined)
    return html`<main>${
      session.data === undefined
        ? html`<${Waiting}>Asking which data sets there are<//>`
        : html`<${Empty} title="This cluster has no data set yet"
          command="vgm load --dataset trips trips.csv">A file, or a topic whose name ends in .raw, is one.<//>`
    }</main>`
  return html`<${DatasetApp} key=${dataset} dataset=${dataset} route=${route} session=${session.data} />`
}

function DatasetApp({ dataset, route, session }: { dataset: string; route: Route; session: Session | undefined }) {
  const live = useFlow(dataset)
  const help = useRef<HTMLDialogElement>(null)
  const mayChange = session?.mayChange === true
  useEffect(() => {
    document.title = `${pageTitles[route.page]} · ${dataset} · vgm`
  }, [route.page, dataset])
  useKeys(dataset, () => help.current?.showModal())
  const page = {
    flow: () => html`<${FlowPage} live=${live} dataset=${dataset} mayChange=${mayChange} />`,
    models: () => html`<${ModelsPage} dataset=${dataset} names=${live.names} route=${route} mayChange=${mayChange} />`,
    rows: () => html`<${RowsPage} dataset=${dataset} live=${live} route=${route} />`,
    'dead-letters': () =>
      html`<${LettersPage} dataset=${dataset} live=${live} route=${route} mayChange=${mayChange} />`,
    runs: () => html`<${RunsPage} dataset=${dataset} names=${live.names} />`,
  }[route.page]
  const datasets = session?.datasets ?? []
  const shown = datasets.includes(dataset) ? datasets : [dataset, ...datasets]
  return html`<a class="skip" href="#content">To the content</a>
    <header class="top">
      <a class="brand" href=${pathTo(dataset, 'flow')}>vgm</a>
      <label class="dataset"><span class="sr">Data set</span><select value=${dataset}
        onChange=${(event: Event) => go(pathTo((event.currentTarget as HTMLSelectElement).value, route.page))}>
        ${shown.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}</select></label>
      <nav aria-label="Pages">${pages.map(
        (name) =>
          html`<a key=${name} class=${classes('tab', route.page === name && 'chosen')}
            aria-current=${route.page === name ? 'page' : undefined} href=${pathTo(dataset, name)}>${pageTitles[name]}${
              name === 'dead-letters' && (live.flow?.deadLetters?.rows ?? 0) > 0
                ? html`<span class="badge" aria-label="some"></span>`
                : ''
            }</a>`,
      )}</nav>
      <span class="top-state">${summary(live.flow, live.isLive)}</span>
      <button type="button" class="icon" aria-label="Keys" title="Keys ( ? )"
        onClick=${() => help.current?.showModal()}>?</button>
      <${Theme} />
    </header>
    <main id="content" tabindex="-1">${page()}</main>
    <dialog ref=${help} class="keys" aria-label="Keys"><h2>Keys</h2><dl>${keys.map(
      ([key, what]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`,
    )}</dl><p class="dialog-end"><button type="button" onClick=${() => help.current?.close()}>Close</button></p>
      </dialog>`
}

function summary(flow: Flow | undefined, isLive: boolean) {
  if (!isLive) return html`<${State} state="bad">not connected<//>`
  if (flow === undefined) return null
  const members = flow.stages.reduce((sum, stage) => sum + stage.members.length, 0)
  const { state } = flow.verdict
  return html`<${State} state=${state}>${members === 0 ? 'not running' : plural(members, 'member')}<//>${
    flow.model && html`<span class="top-model">model v${flow.model.version}</span>`
  }`
}

const keys = [
  ['/', 'find'],
  ['g f', 'go to Flow'],
  ['g m', 'go to Models'],
  ['g r', 'go to Rows'],
  ['g d', 'go to Dead letters'],
  ['g u', 'go to Runs'],
  ['arrows', 'walk a table or a chart'],
  ['?', 'these keys'],
] as const

const destinations = { f: 'flow', m: 'models', r: 'rows', d: 'dead-letters', u: 'runs' } as const

function useKeys(dataset: string, onHelp: () => void): void {
  useEffect(() => {
    let isGoing = false
    const press = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement
      const isTyping = target.matches('input, select, textarea') || document.querySelector('dialog[open]') !== null
      if (isTyping || event.metaKey || event.ctrlKey || event.altKey) return
      const to = isGoing ? destinations[event.key as keyof typeof destinations] : undefined
      isGoing = event.key === 'g'
      if (to !== undefined) go(pathTo(dataset, to))
      else if (event.key === '?') onHelp()
      else if (event.key === '/') {
        event.preventDefault()
        document.querySelector<HTMLInputElement>('[data-find]')?.focus()
      }
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [dataset])
}

/** Dark or light; as the system has it until somebody chooses. The server reads the cookie, so that nothing flashes. */
function Theme() {
  const root = document.documentElement
  const [theme, setTheme] = useState(root.dataset.theme)
  const isDark = theme === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark'
  const change = () => {
    const next = isDark ? 'light' : 'dark'
    root.dataset.theme = next
    // biome-ignore lint/suspicious/noDocumentCookie: there is no other way in all browsers.
    document.cookie = `vgm_theme=${next}; path=/; max-age=31536000; samesite=strict`
    setTheme(next)
  }
  return html`<button type="button" class="icon" aria-label=${isDark ? 'Light theme' : 'Dark theme'}
    title=${isDark ? 'Light theme' : 'Dark theme'} onClick=${change}>${isDark ? '☀' : '☾'}</button>`
}

const app = document.getElementById('app')
if (app !== null) render(html`<${App} />`, app)
