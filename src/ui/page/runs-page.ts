import { useEffect } from 'preact/hooks'
import type { Run } from '../api.ts'
import { html } from './dom.ts'
import { duration } from './format.ts'
import { useJson } from './live.ts'
import { Ago, Command, Empty, Problem, State, Waiting } from './parts.ts'

const everyMs = 3_000
const states = { done: 'good', running: 'good', unfinished: 'warn' } as const

/** Fits, loads and replays: how far, what came of them, and the command that makes them again. */
export function RunsPage({ dataset }: { dataset: string }) {
  const { data, error, reload } = useJson<readonly Run[]>(`/api/d/${dataset}/runs`)
  const isRunning = data?.some(({ state }) => state === 'running') === true
  useEffect(() => {
    const timer = setInterval(reload, isRunning ? everyMs : 5 * everyMs)
    return () => clearInterval(timer)
  }, [isRunning, dataset])
  if (error !== undefined && data === undefined) return html`<${Problem} error=${error} />`
  if (data === undefined) return html`<${Waiting}>Looking for runs<//>`
  if (data.length === 0)
    return html`<${Empty} title="Nothing has run yet"
      command=${`vgm load --dataset ${dataset} FILE`}>Loads, fits and replays are listed here.<//>`
  return html`<div class="page runs-page"><h1 class="title">Runs</h1>
    <ul class="runs">${data.map(
      (run) => html`<li key=${`${run.kind}/${run.name}`} class="card run">
        <div class="card-head"><h2>${run.kind} <bdi class="run-name" title=${run.name}>${run.name}</bdi></h2><${State}
          state=${states[run.state]}>${run.state}<//></div>
        <p class="facts-line"><span><bdi>${run.result}</bdi></span>${
          run.atMs !== undefined &&
          html`<span><${Ago}
          ms=${run.atMs} /></span>`
        }${run.secondsLeft !== undefined && html`<span>${duration(run.secondsLeft)} left</span>`}</p>
        ${
          run.state !== 'done' &&
          run.done !== undefined &&
          run.of !== undefined &&
          html`<progress max=${run.of}
          value=${run.done} aria-label=${`Progress of ${run.kind}`}></progress>`
        }
        <${Command} text=${run.command} />
      </li>`,
    )}</ul></div>`
}
