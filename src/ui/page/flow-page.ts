import { useState } from 'preact/hooks'
import type { Flow, FlowStage, FlowTopic, Names } from '../api.ts'
import { type Child, classes, html } from './dom.ts'
import { compact, count, duration, percent, plural } from './format.ts'
import { LagStrip } from './lag-strip.ts'
import { LineChart } from './line-chart.ts'
import { type Live, postJson } from './live.ts'
import { Ago, Command, Empty, Problem, State, Waiting } from './parts.ts'
import { pathTo } from './route.ts'
import { type Column, Table } from './table.ts'

const historyMs = 15 * 60_000

/** The pipeline as it moves. */
export function FlowPage({ live, dataset, mayChange }: { live: Live; dataset: string; mayChange: boolean }) {
  const { names, flow, history, error } = live
  if (flow === undefined || names === undefined)
    return error === undefined
      ? html`<${Waiting}>Asking the brokers where everything stands<//>`
      : html`<${Problem} error=${error} />`
  const [normalize, restore] = flow.stages
  const toMs = flow.atMs
  const { verdict } = flow
  return html`<div class="page flow-page">
    <section class="headline" aria-live="polite">
      <h1><${State} state=${verdict.state}>${verdict.text}<//></h1>
      ${verdict.command && html`<${Command} text=${verdict.command} />`}
    </section>
    <${Picture} flow=${flow} names=${names} dataset=${dataset} />
    ${
      flow.topics.raw === undefined
        ? html`<${Empty} title="There is nothing to see yet">
          A file, or a producer of your own, fills the topic ${names.topics.raw}.<//>`
        : html`
    <${LineChart} title="Rows a second" unit="rows/s" least=${10} atMs=${history.atMs} fromMs=${toMs - historyMs}
      toMs=${toMs}
      series=${[
        { name: 'written', colour: 'c-raw', values: history.raw },
        { name: 'normalized', colour: 'c-normalize', values: history.normalize },
        { name: 'restored', colour: 'c-restore', values: history.restore },
      ]} />
    <div class="halves">
      <${Stage} stage=${normalize} dataset=${dataset} mayChange=${mayChange} />
      <${Stage} stage=${restore} dataset=${dataset} mayChange=${mayChange} />
    </div>`
    }
  </div>`
}

function Picture({ flow, names, dataset }: { flow: Flow; names: Names; dataset: string }) {
  const { topics, stages, rates, model, deadLetters, drift } = flow
  const [normalize, restore] = stages
  const letters = deadLetters?.rows ?? 0
  const share = topics.raw === undefined || topics.raw.offsets === 0 ? 0 : letters / topics.raw.offsets
  const drifted = drift?.columns.length ?? 0
  const standing = drift?.sinceStart.length ?? 0
  const inUse = flow.versionsInUse.length === 0 ? undefined : `by v${flow.versionsInUse.join(', v')}`
  const driftText =
    drift === undefined
      ? 'drift is not counted'
      : drifted > 0
        ? `drift in ${plural(drifted, 'column')}`
        : standing > 0
          ? `${plural(standing, 'column')} off since the start`
          : drift.toLearn > 0
            ? `drift: ${plural(drift.toLearn, 'window')} to learn`
            : `drift: none in ${plural(drift.windows, 'window')}`
  return html`<section class="picture" aria-label="The flow of rows">
    <${TopicNode} area="raw" role="Raw" topic=${topics.raw} name=${names.topics.raw} href=${pathTo(dataset, 'rows')} />
    <${Edge} area="e1" rate=${rates.normalize} state=${normalize.verdict.state} />
    <${StageNode} area="normalize" stage=${normalize} />
    <${Edge} area="e2" rate=${rates.normalize} state="good" />
    <${TopicNode} area="normalized" role="Normalized" topic=${topics.normalized} name=${names.topics.normalized}
      fact=${inUse} />
    <${Edge} area="e3" rate=${rates.restore} state=${restore.verdict.state} />
    <${StageNode} area="restore" stage=${restore} />
    <${Edge} area="e4" rate=${rates.restore} state="good" />
    <${TopicNode} area="restored" role="Restored" topic=${topics.restored} name=${names.topics.restored} />
    <${Down} area="d1" />
    <${TopicNode} area="sample" role="Sample" topic=${topics.sample} name=${names.topics.sample} isSmall />
    <${Thin} area="t1" label="fit" />
    <a class="node small" style=${{ gridArea: 'model' }} href=${pathTo(dataset, 'models')}>
      <span class="role">Model</span>
      ${
        model === undefined
          ? html`<b class="figure none">none yet</b>`
          : html`<b class="figure">v${model.version}</b><span class="fact">promoted <${Ago} ms=${model.promotedMs} />
            </span>
            <span class=${classes('fact', drifted + standing > 0 && 'warn')}>${driftText}</span>`
      }
    </a>
    <${Down} area="d2" isUp />
    <${Elbow} area="d3" isRed=${letters > 0} />
    <a class=${classes('node small', letters > 0 && 'has-letters')} style=${{ gridArea: 'letters' }}
      href=${pathTo(dataset, 'dead-letters')}>
      <span class="role">Dead letters</span>
      <b class=${classes('figure', letters === 0 && 'none')}>${
        deadLetters === undefined ? 'none' : `${deadLetters.isAll ? '' : '> '}${compact(letters)}`
      }</b>
      ${letters > 0 && html`<span class="fact">${percent(share)} of the rows</span>`}
    </a>
  </section>`
}

function TopicNode(props: {
  area: string
  role: string
  topic: FlowTopic | undefined
  name: string
  isSmall?: boolean
  href?: string
  fact?: string | undefined
}) {
  const { area, role, topic, name, isSmall, href, fact } = props
  const body = html`<span class="role">${role}</span>
    <span class="name" title=${name} dir="auto">${name}</span>
    ${
      topic === undefined
        ? html`<b class="figure none">not there yet</b>`
        : html`<b class="figure" title=${`${count(topic.offsets)} offsets, markers of transactions included`}>
            ${compact(topic.offsets)} <small>rows</small></b>
          <span class="fact">${plural(topic.partitions, 'partition')}${fact && `, ${fact}`}</span>`
    }`
  const name_ = classes('node', isSmall && 'small')
  return href === undefined
    ? html`<div class=${name_} style=${{ gridArea: area }}>${body}</div>`
    : html`<a class=${name_} style=${{ gridArea: area }} href=${href}>${body}</a>`
}

function StageNode({ area, stage }: { area: string; stage: FlowStage }) {
  const { lag, secondsLeft, members, verdict } = stage
  const left = secondsLeft === undefined || lag === 0 ? '' : `, ${duration(secondsLeft)}`
  return html`<div class=${classes('node stage', verdict.state)} style=${{ gridArea: area }}>
    <span class="role">${stage.stage}</span>
    <span class="verdict"><${State} state=${verdict.state}>${verdict.text}<//></span>
    ${
      (members.length > 0 || lag > 0) &&
      html`<b class="figure">${compact(lag)} <small>wait${left}</small></b>
      ${members.length > 0 && html`<span class="fact">${plural(members.length, 'member')}</span>`}`
    }
  </div>`
}

/** An edge: dashes move as fast as rows do, and it is thick before what holds them up. */
function Edge({ area, rate, state }: { area: string; rate: number; state: string }) {
  const isHeld = state === 'bad' || state === 'warn'
  const seconds = rate === 0 ? 0 : Math.max(0.25, 2.4 - 0.36 * Math.log10(rate + 1))
  return html`<div class=${classes('edge', rate > 0 && 'moving', isHeld && `held ${state}`)}
    style=${{ gridArea: area, '--pace': `${seconds}s` }}>
    <span class="rate">${rate > 0 ? `${compact(rate)}/s` : ' '}</span>
    <svg class="across" aria-hidden="true" preserveAspectRatio="none"><line x1="0" y1="8" x2="100%" y2="8" /></svg>
    <svg class="along" aria-hidden="true"><line x1="8" y1="0" x2="8" y2="100%" /></svg>
  </div>`
}

function Down({ area, isUp = false }: { area: string; isUp?: boolean }) {
  return html`<div class=${classes('thin vertical', isUp && 'up')} style=${{ gridArea: area }} aria-hidden="true">
    </div>`
}

function Thin({ area, label }: { area: string; label: string }) {
  return html`<div class="thin horizontal" style=${{ gridArea: area }}><span>${label}</span></div>`
}

function Elbow({ area, isRed }: { area: string; isRed: boolean }) {
  return html`<div class=${classes('thin elbow', isRed && 'bad')} style=${{ gridArea: area }} aria-hidden="true"></div>`
}

function Stage({ stage, dataset, mayChange }: { stage: FlowStage; dataset: string; mayChange: boolean }) {
  const { members, rowsPerSecond, lag, secondsLeft, group, verdict } = stage
  type Row = FlowStage['members'][number]
  const columns: readonly Column<Row>[] = [
    { name: 'member', value: (row) => row.id, isWide: true },
    { name: 'host', value: (row) => row.host.replace(/^\//, ''), isWide: true },
    {
      name: 'partitions',
      isNumber: true,
      value: (row) => row.partitions.length,
      show: (row): Child => html`<span title=${ranges(row.partitions)}>${row.partitions.length}</span>`,
    },
    { name: 'rows that wait', isNumber: true, value: (row) => row.lag, show: (row) => count(row.lag) },
  ]
  return html`<section class="card" aria-label=${stage.stage}>
    <div class="card-head"><h2>${stage.stage}</h2><${State} state=${verdict.state}>${verdict.text}<//>${
      mayChange && members.length > 0 && html`<${Steering} stage=${stage} dataset=${dataset} />`
    }</div>
    <dl class="facts">
      <div><dt>rows/s</dt><dd>${compact(rowsPerSecond)}</dd></div>
      <div><dt>wait</dt><dd>${compact(lag)}</dd></div>
      <div><dt>time left</dt>
        <dd>${lag === 0 ? '–' : secondsLeft === undefined ? 'stands still' : duration(secondsLeft)}</dd></div>
      <div><dt>group</dt><dd class="long" title=${group}>${group}</dd></div>
    </dl>
    ${stage.ends.length > 0 && html`<${LagStrip} stage=${stage} />`}
    <${Table} caption="Members" file=${`members-${stage.stage}`} rows=${members} keyOf=${(row: Row) => row.id}
      columns=${columns}
      sortedBy="rows that wait" isDescending shown=${8} empty="Nobody is in the group" />
  </section>`
}

function Steering({ stage, dataset }: { stage: FlowStage; dataset: string }) {
  const [told, setTold] = useState('')
  const isPaused = stage.verdict.text.startsWith('is paused')
  const order = isPaused ? 'resume' : 'pause'
  const give = () =>
    void postJson(`/api/d/${dataset}/${order}`, { stage: stage.stage }).then(
      () => setTold(isPaused ? 'goes on' : 'pauses'),
      (error: Error) => setTold(error.message),
    )
  return html`<span class="steering"><button type="button"
    onClick=${give}>${isPaused ? 'Resume' : 'Pause'}</button> <span role="status">${told}</span></span>`
}

/** @example ranges([0, 1, 2, 5]) // '0-2, 5' */
function ranges(partitions: readonly number[]): string {
  const parts: string[] = []
  for (let i = 0; i < partitions.length; ) {
    let end = i
    while (partitions[end + 1] === partitions[end] + 1) end++
    parts.push(end === i ? String(partitions[i]) : `${partitions[i]}-${partitions[end]}`)
    i = end + 1
  }
  return parts.join(', ')
}
