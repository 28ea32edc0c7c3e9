import { useEffect, useMemo, useState } from 'preact/hooks'
import type { ColumnDetail, ColumnGlance, Drift, ModelChange, ModelGlance, Models, Names } from '../api.ts'
import { DensityChart, DensityGlance } from './density-chart.ts'
import { classes, html } from './dom.ts'
import { count, number, percent, plural } from './format.ts'
import { LineChart } from './line-chart.ts'
import { postJson, useJson } from './live.ts'
import { modeOf, normalized, restored } from './mixture.ts'
import { Ago, Copy, Empty, Mode, Problem, useLater, Waiting, wholeAfterMs } from './parts.ts'
import { go, pathTo, type Route } from './route.ts'
import { type Column, Table } from './table.ts'

const orders = ['order of the model', 'name', 'drift', 'misfit', 'modes'] as const
type Order = (typeof orders)[number]

/** What was learnt: all columns, one of them large, versions, drift. */
export function ModelsPage({
  dataset,
  names,
  route,
  mayChange,
}: {
  dataset: string
  names: Names | undefined
  route: Route
  mayChange: boolean
}) {
  const [version = 'current', name] = route.rest
  const models = useJson<Models>(`/api/d/${dataset}/models`)
  const isThere = (models.data?.versions.length ?? 0) > 0
  // Beside the list, not after it: where there is no model, the list says so.
  const model = useJson<ModelGlance>(`/api/d/${dataset}/model/${version}`)
  const drift = useJson<Drift | null>(isThere ? `/api/d/${dataset}/drift/${version}` : undefined)
  if (models.error !== undefined) return html`<${Problem} error=${models.error} />`
  if (models.data === undefined) return html`<${Waiting}>Reading the models<//>`
  if (!isThere)
    return html`<${Empty} title=${`Data set ${dataset} has no model yet`}
      command=${names?.commands.fit}>
      A fit learns the modes of each numeric column from a sample of the rows.<//>`
  if (model.error !== undefined) return html`<${Problem} error=${model.error} />`
  if (model.data === undefined) return html`<${Waiting}>Reading the model<//>`
  const chosen = name ?? model.data.columns[0]?.name
  return html`<div class="page models-page">
    <${Versions} dataset=${dataset} models=${models.data} model=${model.data} name=${name} mayChange=${mayChange}
      onChange=${models.reload} />
    <div class="split">
      <div><${Columns} dataset=${dataset} version=${version} columns=${model.data.columns} drift=${drift.data}
        chosen=${chosen} route=${route} />
      <${Promotions} models=${models.data} dataset=${dataset} /></div>
      ${
        chosen !== undefined &&
        html`<${OneColumn} key=${chosen} dataset=${dataset} names=${names} version=${version} name=${chosen}
          models=${models.data} model=${model.data} drift=${drift.data} route=${route} />`
      }
    </div>
  </div>`
}

function Versions(props: {
  dataset: string
  models: Models
  model: ModelGlance
  name: string | undefined
  mayChange: boolean
  onChange: () => void
}) {
  const { dataset, models, model, name, mayChange, onChange } = props
  const [told, setTold] = useState('')
  const isCurrent = models.versions.find(({ version }) => version === model.version)?.current === true
  const promote = () =>
    void postJson<{ version: number }>(`/api/d/${dataset}/promote`, { version: model.version }).then(
      ({ version }) => {
        setTold(`Version ${version} is the current one`)
        onChange()
      },
      (error: Error) => setTold(error.message),
    )
  const choose = (event: Event) =>
    go(
      pathTo(dataset, 'models', [
        (event.currentTarget as HTMLSelectElement).value,
        ...(name === undefined ? [] : [name]),
      ]),
    )
  return html`<section class="model-head">
    <h1 class="title">Model <label class="plain"><span class="sr">Version</span>
      <select value=${String(model.version)} onChange=${choose}>${models.versions.map(
        ({ version, current, names }) =>
          html`<option key=${version}
            value=${String(version)}>v${version}${current ? ' (current)' : ''} ${names.join(' ')}</option>`,
      )}</select></label></h1>
    <p class="facts-line">
      <span>${plural(model.columns.length, 'column')}</span>
      <span>fitted to ${count(model.rowsUsed)} of ${count(model.rowsSeen)} rows of <bdi>${model.topic}</bdi></span>
      <span><${Ago} ms=${model.createdAtMs} /></span>
      <span>recipe ${model.recipe}, seed ${model.seed}</span>
      <span class="mono" title=${model.content}>${model.content.slice(0, 12)}</span>
    </p>
    <span class="tools">
      ${mayChange && !isCurrent && html`<button type="button" onClick=${promote}>Promote v${model.version}</button>`}
      <span role="status">${told}</span>
      <a class="quiet" download=${`${dataset}-v${model.version}.svg`}
        href=${`/api/d/${dataset}/svg/${model.version}`}>SVG</a>
      <a class="quiet" download=${`${dataset}-v${model.version}.json`}
        href=${`/api/d/${dataset}/model/${model.version}`}>JSON</a>
    </span>
  </section>`
}

const cardsAtFirst = 16

function Columns(props: {
  dataset: string
  version: string
  columns: readonly ColumnGlance[]
  drift: Drift | null | undefined
  chosen: string | undefined
  route: Route
}) {
  const { dataset, version, columns, drift, chosen, route } = props
  const [order, setOrder] = useState<Order>('order of the model')
  const [wanted, setWanted] = useState('')
  const drifted = useMemo(() => new Map(drift?.report.columns.map((each) => [each.name, each])), [drift])
  const sorted = useMemo(() => {
    const found = columns.filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase()))
    const by: Readonly<Record<Order, (a: ColumnGlance, b: ColumnGlance) => number>> = {
      'order of the model': () => 0,
      name: (a, b) => a.name.localeCompare(b.name),
      drift: (a, b) => (drifted.get(b.name)?.wasserstein ?? 0) - (drifted.get(a.name)?.wasserstein ?? 0),
      misfit: (a, b) => b.misfit - a.misfit,
      modes: (a, b) => b.modes - a.modes,
    }
    return found.toSorted(by[order])
  }, [columns, wanted, order, drifted])
  const drawn = useLater(wholeAfterMs) ? sorted : sorted.slice(0, cardsAtFirst)
  const query = { compare: route.query.get('compare') ?? undefined, log: route.query.get('log') ?? undefined }
  return html`<section class="columns" aria-label="Columns">
    <div class="finder">
      <input type="search" data-find aria-label="Find a column" placeholder="Find a column  ( / )" value=${wanted}
        onInput=${(event: Event) => setWanted((event.currentTarget as HTMLInputElement).value)} />
      <label><span class="sr">Sort columns by</span><select value=${order}
        onChange=${(event: Event) => setOrder((event.currentTarget as HTMLSelectElement).value as Order)}>
        ${orders.map((each) => html`<option key=${each} value=${each}>by ${each}</option>`)}</select></label>
    </div>
    <div class="glances" tabindex="0" role="region" aria-label="Columns of the model">
      ${sorted.length === 0 && html`<p class="none">No column has this in its name</p>`}
      <ul>${drawn.map((column) => {
        const found = drifted.get(column.name)
        const isAlarm = found?.findings.some((each) => each.isAlarm) === true
        return html`<li key=${column.name}><a class=${classes('glance-card', chosen === column.name && 'chosen')}
          aria-current=${chosen === column.name ? 'true' : undefined}
            href=${pathTo(dataset, 'models', [version, column.name], query)}>
          <span class="glance-name" title=${column.name} dir="auto">${column.name}</span>
          <${DensityGlance} column=${column} />
          <span class="fact">${plural(column.modes, 'mode')}${
            order === 'misfit'
              ? `, misfit ${percent(column.misfit)}`
              : found === undefined
                ? `, ${column.type}`
                : `, drift ${number(found.wasserstein, 2)}`
          }${isAlarm && html` <b class="alarm">▲ drift</b>`}</span>
        </a></li>`
      })}</ul>
    </div>
  </section>`
}

function OneColumn(props: {
  dataset: string
  names: Names | undefined
  version: string
  name: string
  models: Models
  model: ModelGlance
  drift: Drift | null | undefined
  route: Route
}) {
  const { dataset, names, version, name, models, model, drift, route } = props
  const encoded = encodeURIComponent(name)
  const { data: column, error } = useJson<ColumnDetail>(`/api/d/${dataset}/model/${version}/${encoded}`)
  const compare = route.query.get('compare') ?? undefined
  const other = useJson<ColumnDetail>(
    compare === undefined ? undefined : `/api/d/${dataset}/model/${compare}/${encoded}`,
  )
  const diff = useJson<ModelChange>(
    compare === undefined ? undefined : `/api/d/${dataset}/diff/${compare}/${model.version}`,
  )
  const isLog = route.query.get('log') === '1'
  const asked = route.query.get('x')
  const [marked, setMarked] = useState<number | undefined>(asked === null || asked === '' ? undefined : Number(asked))
  useEffect(() => {
    if (asked !== null && asked !== '') setMarked(Number(asked))
  }, [asked])
  const put = (change: Readonly<Record<string, string | undefined>>) =>
    go(pathTo(dataset, 'models', [version, name], { compare, log: isLog ? '1' : undefined, ...change }), true)
  if (error !== undefined) return html`<section class="column"><${Problem} error=${error} /></section>`
  if (column === undefined) return html`<section class="column"><${Waiting}>Reading the column<//></section>`
  const others = models.versions.filter((each) => each.version !== model.version)
  const compareWith = (event: Event) => put({ compare: (event.currentTarget as HTMLSelectElement).value || undefined })
  const change = diff.data?.columns.find((each) => each.name === name)
  return html`<section class="column" aria-label=${`Column ${name}`}>
    <div class="card-head">
      <h2 dir="auto" title=${name}>${name}</h2>
      <span class="tools">
        <label class="check"><input type="checkbox" checked=${isLog}
          onChange=${() => put({ log: isLog ? undefined : '1' })} /> log</label>
        ${
          others.length > 0 &&
          html`<label><span class="sr">Compare with</span><select value=${compare ?? ''} onChange=${compareWith}>
            <option value="">compare with …</option>${others.map(
              (each) => html`<option key=${each.version}
              value=${String(each.version)}>v${each.version}</option>`,
            )}</select></label>`
        }
        <a class="quiet" download=${`${name}.svg`} href=${`/api/d/${dataset}/svg/${version}/${encoded}`}>SVG</a>
        <a class="quiet" download=${`${name}.json`} href=${`/api/d/${dataset}/model/${version}/${encoded}`}>JSON</a>
      </span>
    </div>
    <p class="facts-line">
      <span>${column.type}${column.nullable ? ' or null' : ''}</span>
      <span>${plural(column.mean.length, 'mode')}</span>
      <span>${count(column.rows)} values${column.nulls > 0 ? `, ${count(column.nulls)} nulls` : ''}</span>
      <span>from ${number(column.min, 6)} to ${number(column.max, 6)}</span>
      ${
        column.roundTo !== undefined &&
        html`<span>restored to ${column.roundTo === 0 ? 'whole numbers' : plural(column.roundTo, 'decimal')}</span>`
      }
    </p>
    <${DensityChart} column=${column} other=${compare === undefined ? undefined : other.data}
      otherName=${`v${compare}`} isLog=${isLog} marked=${marked} onMark=${setMarked} />
    <p class="legend under"><span class="key histogram-key">rows of the sample</span><span
      class="key total-key">density</span>${
        compare !== undefined && html`<span class="key other-key">v${compare}</span>`
      }<span class="when">heights are ${isLog ? 'logarithms' : 'square roots'}</span></p>
    <${Converter} column=${column} marked=${marked} onMark=${setMarked} />
    <${Modes} column=${column} drift=${drift} />
    ${change !== undefined && html`<${Change} change=${change} from=${Number(compare)} to=${model.version} />`}
    <${DriftOf} name=${name} drift=${drift} names=${names} models=${models} />
  </section>`
}

/** A value to its (value, mode), and back. */
function Converter({
  column,
  marked,
  onMark,
}: {
  column: ColumnDetail
  marked: number | undefined
  onMark: (x: number | undefined) => void
}) {
  const mode = marked === undefined ? undefined : modeOf(column, marked)
  const value = marked === undefined || mode === undefined ? undefined : normalized(column, marked, mode)
  const set = (text: string) => onMark(text === '' || !Number.isFinite(Number(text)) ? undefined : Number(text))
  const back = (newValue: string, newMode: string) => {
    const [v, k] = [Number(newValue), Number(newMode)]
    if (newValue !== '' && Number.isFinite(v) && k in column.mean) onMark(restored(column, v, k))
  }
  const text = (x: number | undefined) => (x === undefined ? '' : String(Number(x.toPrecision(9))))
  return html`<form class="converter" onSubmit=${(event: Event) => event.preventDefault()}>
    <label>value <${NumberField} shown=${text(marked)} onEnter=${set} placeholder="a number" /></label>
    <span aria-hidden="true">⇄</span>
    <label>normalized <${NumberField} shown=${text(value)}
      onEnter=${(entered: string) => back(entered, String(mode ?? 0))} /></label>
    <label>mode <select value=${mode === undefined ? '' : String(mode)}
      onChange=${(event: Event) => back(text(value ?? 0), (event.currentTarget as HTMLSelectElement).value)}>
      <option value="" disabled>–</option>${column.mean.map(
        (_, k) => html`<option key=${k}
        value=${String(k)}>${k}</option>`,
      )}</select></label>
  </form>`
}

/** What is typed stays until it is entered: the page is shown anew every second. */
function NumberField({
  shown,
  onEnter,
  placeholder,
}: {
  shown: string
  onEnter: (text: string) => void
  placeholder?: string
}) {
  const [typed, setTyped] = useState<string | undefined>(undefined)
  const textOf = (event: Event) => (event.currentTarget as HTMLInputElement).value
  const enter = (event: Event) => {
    setTyped(undefined)
    onEnter(textOf(event))
  }
  return html`<input type="number" step="any" value=${typed ?? shown} placeholder=${placeholder}
    onInput=${(event: Event) => setTyped(textOf(event))} onChange=${enter} onBlur=${() => setTyped(undefined)} />`
}

function Modes({ column, drift }: { column: ColumnDetail; drift: Drift | null | undefined }) {
  const now = drift?.report.columns.find(({ name }) => name === column.name)
  const rows = column.mean.map((mean, mode) => ({
    mode,
    mean,
    std: column.std[mode],
    weight: column.weight[mode],
    now: now?.modes[mode],
  }))
  type Row = (typeof rows)[number]
  const columns: Column<Row>[] = [
    { name: 'mode', isNumber: true, value: ({ mode }) => mode, show: ({ mode }) => html`<${Mode} mode=${mode} />` },
    { name: 'weight', isNumber: true, value: ({ weight }) => weight, show: ({ weight }) => percent(weight) },
    { name: 'mean', isNumber: true, value: ({ mean }) => mean, show: ({ mean }) => number(mean, 5) },
    { name: 'std', isNumber: true, value: ({ std }) => std, show: ({ std }) => number(std) },
  ]
  if (now !== undefined)
    columns.push({
      name: 'share now',
      isNumber: true,
      value: (row) => row.now ?? undefined,
      show: (row) => percent(row.now ?? 0),
    })
  return html`<${Table} caption="Modes" file=${`modes-${column.name}`} rows=${rows} keyOf=${({ mode }: Row) => mode}
    columns=${columns} />`
}

function Change({ change, from, to }: { change: ModelChange['columns'][number]; from: number; to: number }) {
  type Row = ModelChange['columns'][number]['modes'][number]
  const pair = (
    name: string,
    of: (row: Row) => readonly (number | null | undefined)[],
    show: (x: number | null | undefined) => string,
  ): Column<Row>[] => [
    {
      name: `${name} v${from}`,
      isNumber: true,
      value: (row) => of(row)[0] ?? undefined,
      show: (row) => show(of(row)[0]),
    },
    {
      name: `${name} v${to}`,
      isNumber: true,
      value: (row) => of(row)[1] ?? undefined,
      show: (row) => show(of(row)[1]),
    },
  ]
  return html`<section class="change" aria-label="What has changed">
    <h3>From v${from} to v${to}</h3>
    <p class="facts-line"><span>${percent(change.changedMode)} of the rows change their mode</span>
      <span>${percent(change.movedMass)} of the weight has moved</span>
      <span>distance ${percent(change.distance)}</span></p>
    <${Table} caption="Modes of both" file="modes-changed" rows=${change.modes}
      keyOf=${(row: Row) => `${row.from}/${row.to}`} columns=${[
        {
          name: `v${from}`,
          isNumber: true,
          value: (row: Row) => row.from,
          show: (row: Row) => (row.from === undefined ? 'none' : html`<${Mode} mode=${row.from} />`),
        },
        {
          name: `v${to}`,
          isNumber: true,
          value: (row: Row) => row.to,
          show: (row: Row) => (row.to === undefined ? 'none' : html`<${Mode} mode=${row.to} />`),
        },
        ...pair(
          'weight',
          (row) => row.weight,
          (x) => (x === null || x === undefined ? '–' : percent(x)),
        ),
        ...pair(
          'mean',
          (row) => row.mean,
          (x) => number(x),
        ),
      ]} />
  </section>`
}

function DriftOf({
  name,
  drift,
  names,
  models,
}: {
  name: string
  drift: Drift | null | undefined
  names: Names | undefined
  models: Models
}) {
  if (drift === undefined) return html`<section class="drift" />`
  if (drift === null)
    return html`<section class="drift"><h3>Drift</h3><p class="none">Nothing is counted for this version. Start
      ${' '}<code>${names?.commands.normalize ?? 'vgm normalize'}</code>.</p></section>`
  const found = drift.report.columns.find((each) => each.name === name)
  const distance = drift.columns.find((each) => each.name === name)?.distance ?? []
  const atMs = drift.windows.map(({ endMs }) => endMs)
  const [fromMs, toMs] = [drift.windows[0]?.startMs ?? 0, drift.windows.at(-1)?.endMs ?? 1]
  const marks = models.promotions
    .filter(({ changedAtMs }) => changedAtMs >= fromMs && changedAtMs <= toMs)
    .map(({ changedAtMs, version }) => ({ atMs: changedAtMs, label: `v${version}` }))
  const series = [{ name: 'distance', colour: 'c-normalize', values: distance }]
  const asText = ({ wasserstein, ks, psi, outside, nullShare }: NonNullable<typeof found>) =>
    [name, `distance ${wasserstein}`, `KS ${ks}`, `PSI ${psi}`, `outside ${outside}`, `nulls ${nullShare}`].join('\t')
  return html`<section class="drift" aria-label="Drift">
    ${
      atMs.length === 0
        ? html`<h3>Drift</h3><p class="none">No window has enough rows yet.</p>`
        : html`<${LineChart} title="Drift" unit="standard deviations" height=${128} atMs=${atMs} fromMs=${fromMs}
          toMs=${toMs} rowName="window" band=${drift.minEffect} marks=${marks}
          format=${(x: number) => number(x, 2)} series=${series} />`
    }
    ${
      found &&
      html`<p class="facts-line"><span>distance ${number(found.wasserstein, 3)}</span>
        <span>KS ${number(found.ks, 3)}</span><span>PSI ${number(found.psi, 3)}</span>
      <span>${percent(found.outside)} outside</span><span>${percent(found.nullShare)} nulls</span><${Copy}
        label="Copy the figures" text=${() => asText(found)} /></p>`
    }
  </section>`
}

function Promotions({ models, dataset }: { models: Models; dataset: string }) {
  type Row = Models['promotions'][number]
  return html`<section class="promotions"><${Table} caption="Promotions" file="promotions" rows=${models.promotions}
    sortedBy="when" isDescending
    keyOf=${(row: Row) => row.changedAtMs} shown=${5} empty="None is known any more" columns=${[
      {
        name: 'when',
        value: (row: Row) => row.changedAtMs,
        show: (row: Row) => html`<${Ago} ms=${row.changedAtMs} />`,
      },
      {
        name: 'version',
        isNumber: true,
        value: (row: Row) => row.version,
        show: (row: Row) => html`<a href=${pathTo(dataset, 'models', [row.version])}>v${row.version}</a>`,
      },
      {
        name: 'before',
        isNumber: true,
        value: (row: Row) => row.previousVersion,
        show: (row: Row) => (row.previousVersion === 0 ? '–' : `v${row.previousVersion}`),
      },
    ]} /></section>`
}
