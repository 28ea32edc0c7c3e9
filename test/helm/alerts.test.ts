import { deepEqual, equal } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { parse, stringify } from 'yaml'
import { type AlertCase, alertCases } from './alert-cases.ts'
import { chart } from './rendered-chart.ts'
import { howToGetPromtool, promtoolProgram } from './tools.ts'

const promtool = promtoolProgram()
if (promtool === undefined) process.stderr.write(`THE ALERTS ARE NOT RUN: no promtool here; ${howToGetPromtool}\n`)

interface Rules {
  readonly groups: { readonly rules: { readonly alert: string; readonly labels: object; annotations?: object }[] }[]
}

const rulesFile = join(chart, 'files/alerts.yaml')
const rules: Rules = parse(readFileSync(rulesFile, 'utf8'))
const alerts = rules.groups.flatMap((group) => group.rules)

suite('the alert rules', { skip: promtool === undefined && `no promtool here; ${howToGetPromtool}` }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgm-alerts-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(promtool!, args, { encoding: 'utf8', timeout: 60_000 })
    equal(status, 0, `${stdout}${stderr}`)
  }

  test('are rules to Prometheus', () => run('check', 'rules', rulesFile))

  test('each of them fires on series that call for it, and is silent on those that do not', () => {
    for (const { alert } of alerts) {
      const fires = alertCases.filter((it) => it.alert === alert).map((it) => it.fires.length > 0)
      deepEqual([fires.includes(true), fires.includes(false)], [true, true], `${alert} has a case of each kind`)
    }
    // Texts are checked above; here they would have to be repeated in each case.
    const bare = { groups: rules.groups.map((it) => ({ ...it, rules: it.rules.map(withoutTexts) })) }
    writeFileSync(join(folder, 'rules.yaml'), stringify(bare))
    const tests = { rule_files: ['rules.yaml'], evaluation_interval: '1m', tests: alertCases.map(promtoolTest) }
    writeFileSync(join(folder, 'tests.yaml'), stringify(tests))
    run('test', 'rules', join(folder, 'tests.yaml'))
  })
})

function withoutTexts({ annotations: _, ...rule }: Rules['groups'][0]['rules'][0]): object {
  return rule
}

function promtoolTest({ name, alert, series, at, fires }: AlertCase): object {
  const labels = alerts.find((it) => it.alert === alert)?.labels
  return {
    name: `${alert}: ${name}`,
    interval: '1m',
    input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
    alert_rule_test: [
      { eval_time: at, alertname: alert, exp_alerts: fires.map((its) => ({ exp_labels: { ...labels, ...its } })) },
    ],
  }
}
