import { useEffect } from 'preact/hooks'
import type { Names, Run } from '../api.ts'
import { html } from './dom.ts'
import { count, duration } from './format.ts'
import { useJson } from './live.ts'
import { Ago, Command, Empty, Problem, State, Waiting } from './parts.ts'

/** With something that runs, and without: whatever begins shows soon. */
const runningMs = 2_000
const idleMs = 5_000
const states = { done: 'good', running: 'good', unfinished: 'warn', failed: 'bad' } as const

/** Loads, samples, fits and replays: how far, what came of them, and the command that makes them again. */
export function RunsPage({ dataset, names }: { dataset: string; names: Names | undefined }) {
  const { data, error, reload } = useJson<readonly Run[]>(`/api/d/${dataset}/runs`)
  const isRunning = data?.some(({ state }) => state === 'running') === true
  useEffect(() => {
    const timer = setInterval(reload, isRunning ? runningMs : idleMs)
    return () => clearInterval(timer)
  }, [isRunning, dataset])
  if (error !== undefined && data === undefined) return html`<${Problem} error=${error} />`
  if (data === undefined) return html`<${Waiting}>Looking for runs<//>`
  if (data.length === 0)
    return html`<${Empty} title="Nothing has run yet"
      command=${names?.commands.load}>Loads, fits and replays are listed here.<//>`
  return html`<div class="page runs-page"><h1 class="title">Runs</h1>
    <ul class="runs">${data.map(
      (run) => html`<${OneRun} key=${`${run.kind}/${run.name}/${run.startedMs ?? run.atMs}`} run=${run} />`,
    )}</ul></div>`
}

function OneRun({ run }: { run: Run }) {
  const { kind, name, state, done, of, startedMs, atMs, by, result, secondsLeft, command } = run
  const isOver = state === 'done' || state === 'failed'
  const took = isOver && startedMs !== undefined && atMs !== undefined ? (atMs - startedMs) / 1_000 : undefined
  const isMeasured = state !== 'done' && done !== undefined && of !== undefined
  return html`<li class="card run">
    <div class="card-head"><h2>${kind} <bdi class="run-name" title=${name}>${name}</bdi></h2>
      <${State} state=${states[state]}>${state}<//></div>
    <p class="facts-line">
      ${result !== '' && html`<span><bdi>${result}</bdi></span>`}
      ${isMeasured && html`<span>${count(done)} of ${count(of)}</span>`}
      ${state === 'running' && secondsLeft !== undefined && html`<span>${duration(secondsLeft)} left</span>`}
      ${took !== undefined && html`<span>took ${duration(took)}</span>`}
      ${atMs !== undefined && html`<span>${state === 'unfinished' ? 'heard of ' : ''}<${Ago} ms=${atMs} /></span>`}
      ${by !== undefined && html`<span>by <bdi>${by}</bdi></span>`}
    </p>
    ${
      isMeasured &&
      html`<progress max=${Math.max(1, of)} value=${done} aria-label=${`Progress of ${kind} ${name}`}></progress>`
    }
    ${command !== undefined && html`<${Command} text=${command} />`}
  </li>`
}
