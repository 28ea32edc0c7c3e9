/**
 * Series on which each alert fires, and some on which it must not. Values are in the notation of promtool's tests:
 * `5x3` is 5 5 5 5, `0+10x3` is 0 10 20 30, `_` is no sample. There is one a minute.
 */
export interface AlertCase {
  readonly alert: string
  readonly name: string
  readonly series: Readonly<Record<string, string>>
  /** when the rules are looked at, from the first sample on */
  readonly at: string
  /** labels of the alerts that fire then */
  readonly fires: readonly Readonly<Record<string, string>>[]
}

const stage = { stage: 'normalize', dataset: 'd' }
const of = (labels = '') => `{stage="normalize",dataset="d"${labels}}`
const build = `vgm_build_info${of(',job="vgm",instance="a",version="1"')}`
const up = 'up{job="vgm",instance="a"}'

export const alertCases: readonly AlertCase[] = [
  {
    alert: 'VgmNotReady',
    name: 'one of two processes is not ready',
    series: { [`vgm_ready${of(',instance="a"')}`]: '1 0x9', [`vgm_ready${of(',instance="b"')}`]: '1x10' },
    at: '8m',
    fires: [{ ...stage, instance: 'a' }],
  },
  {
    alert: 'VgmNotReady',
    name: 'a start takes two minutes',
    series: { [`vgm_ready${of(',instance="a"')}`]: '0 0 1x9' },
    at: '8m',
    fires: [],
  },
  {
    alert: 'VgmStageGone',
    name: 'the last process has ended, and its series with it',
    series: { [build]: '1x9 _x30' },
    at: '30m',
    fires: [stage],
  },
  {
    alert: 'VgmStageGone',
    name: 'a process is replaced by another one',
    series: { [build]: '1x9 _x30', [build.replace('"a"', '"b"')]: '_x8 1x31' },
    at: '30m',
    fires: [],
  },
  {
    alert: 'VgmStageGone',
    name: 'a replay ends by itself',
    series: { [build.replace('normalize', 'replay')]: '1x9 _x30' },
    at: '30m',
    fires: [],
  },
  {
    alert: 'VgmDown',
    name: 'the scrape of a stage fails',
    series: { [build]: '1x9 _x30', [up]: '1x9 0x30' },
    at: '20m',
    fires: [{ job: 'vgm', instance: 'a' }],
  },
  { alert: 'VgmDown', name: 'of another program', series: { [up]: '0x30' }, at: '20m', fires: [] },
  { alert: 'VgmAbsent', name: 'nothing has ever been scraped', series: { [up]: '1x30' }, at: '20m', fires: [{}] },
  { alert: 'VgmAbsent', name: 'a stage runs', series: { [build]: '1x30' }, at: '20m', fires: [] },
  {
    alert: 'VgmNoProgress',
    name: 'rows wait, and none is committed',
    series: {
      [`vgm_lag_rows${of(',partition="0"')}`]: '5000x30',
      [`vgm_rows_in_total${of()}`]: '0+100x4 400x25',
    },
    at: '20m',
    fires: [stage],
  },
  {
    alert: 'VgmNoProgress',
    name: 'somebody has paused it',
    series: {
      [`vgm_lag_rows${of(',partition="0"')}`]: '5000x30',
      [`vgm_rows_in_total${of()}`]: '400x30',
      [`vgm_paused${of()}`]: '1x30',
    },
    at: '20m',
    fires: [],
  },
  {
    alert: 'VgmNoProgress',
    name: 'the topic is quiet',
    series: { [`vgm_lag_rows${of(',partition="0"')}`]: '0x30', [`vgm_rows_in_total${of()}`]: '400x30' },
    at: '20m',
    fires: [],
  },
  {
    alert: 'VgmNoProgress',
    name: 'another process of the stage goes on',
    series: {
      [`vgm_lag_rows${of(',instance="a",partition="0"')}`]: '5000x30',
      [`vgm_rows_in_total${of(',instance="a"')}`]: '400x30',
      [`vgm_rows_in_total${of(',instance="b"')}`]: '0+100x30',
    },
    at: '20m',
    fires: [],
  },
  {
    alert: 'VgmLagGrows',
    name: 'a backlog that becomes longer for an hour',
    series: { [`vgm_lag_rows${of(',partition="0"')}`]: '2000000+1000x90' },
    at: '80m',
    fires: [stage],
  },
  {
    alert: 'VgmLagGrows',
    name: 'a backlog after an outage that becomes shorter',
    series: { [`vgm_lag_rows${of(',partition="0"')}`]: '9000000-10000x90' },
    at: '80m',
    fires: [],
  },
  {
    alert: 'VgmPartitionStalled',
    name: 'for three minutes',
    series: { [`vgm_stalled_partitions${of()}`]: '0 2x9' },
    at: '4m',
    fires: [stage],
  },
  {
    alert: 'VgmPartitionStalled',
    name: 'for a minute, while a leader was elected',
    series: { [`vgm_stalled_partitions${of()}`]: '0 2 0x9' },
    at: '4m',
    fires: [],
  },
  {
    alert: 'VgmDeadLetters',
    name: 'one in a hundred rows',
    series: {
      [`vgm_dead_letters_total${of(',code="NON_FINITE_VALUE"')}`]: '0+10x30',
      [`vgm_rows_in_total${of()}`]: '0+1000x30',
    },
    at: '20m',
    fires: [stage],
  },
  {
    alert: 'VgmDeadLetters',
    name: 'all rows of one slice, after a start at 0',
    series: {
      [`vgm_dead_letters_total${of(',code="NON_FINITE_VALUE"')}`]: '0 0 500x30',
      [`vgm_rows_in_total${of()}`]: '0 0 500x30',
    },
    at: '5m',
    fires: [stage],
  },
  {
    alert: 'VgmDeadLetters',
    name: 'one row in a million',
    series: {
      [`vgm_dead_letters_total${of(',code="NON_FINITE_VALUE"')}`]: '0+1x30',
      [`vgm_rows_in_total${of()}`]: '0+1000000x30',
    },
    at: '20m',
    fires: [],
  },
  {
    alert: 'VgmDrift',
    name: 'of one of two columns',
    series: {
      'vgm_drift_alarm{stage="drift",dataset="d",column="delay"}': '0 1x9',
      'vgm_drift_alarm{stage="drift",dataset="d",column="distance"}': '0x10',
    },
    at: '5m',
    fires: [{ dataset: 'd', column: 'delay' }],
  },
  {
    alert: 'VgmDrift',
    name: 'that has ended',
    series: { 'vgm_drift_alarm{stage="drift",dataset="d",column="delay"}': '1 1 0x9' },
    at: '5m',
    fires: [],
  },
  {
    alert: 'VgmValuesOutsideRange',
    name: 'one in ten',
    series: {
      [`vgm_values_outside_range_total${of(',column="delay"')}`]: '0+100x30',
      [`vgm_values_total${of(',column="delay"')}`]: '0+1000x30',
    },
    at: '20m',
    fires: [{ ...stage, column: 'delay' }],
  },
  {
    alert: 'VgmValuesOutsideRange',
    name: 'one in a thousand',
    series: {
      [`vgm_values_outside_range_total${of(',column="delay"')}`]: '0+1x30',
      [`vgm_values_total${of(',column="delay"')}`]: '0+1000x30',
    },
    at: '20m',
    fires: [],
  },
  { alert: 'VgmPaused', name: 'and forgotten', series: { [`vgm_paused${of()}`]: '1x300' }, at: '270m', fires: [stage] },
  {
    alert: 'VgmPaused',
    name: 'for two hours',
    series: { [`vgm_paused${of()}`]: '1x120 0x180' },
    at: '270m',
    fires: [],
  },
  {
    alert: 'VgmRefitFails',
    name: 'nothing could be fitted',
    series: { 'vgm_refits_total{stage="fit",dataset="d",verdict="failed"}': '0x9 1x30' },
    at: '20m',
    fires: [{ stage: 'fit', dataset: 'd' }],
  },
  {
    alert: 'VgmRefitFails',
    name: 'a challenger was no better',
    series: { 'vgm_refits_total{stage="fit",dataset="d",verdict="no-gain"}': '0x9 1x30' },
    at: '20m',
    fires: [],
  },
  {
    alert: 'VgmTransactionsAborted',
    name: 'one for each that is committed',
    series: {
      [`vgm_transaction_aborts_total${of(',reason="broker"')}`]: '0+60x40',
      [`vgm_transaction_seconds_count${of()}`]: '0+60x40',
    },
    at: '30m',
    fires: [stage],
  },
  {
    alert: 'VgmTransactionsAborted',
    name: 'by rebalances, as members come and go',
    series: {
      [`vgm_transaction_aborts_total${of(',reason="rebalance"')}`]: '0+60x40',
      [`vgm_transaction_aborts_total${of(',reason="broker"')}`]: '0x40',
      [`vgm_transaction_seconds_count${of()}`]: '0+60x40',
    },
    at: '30m',
    fires: [],
  },
  {
    alert: 'VgmTransactionsSlow',
    name: 'nine seconds each',
    series: {
      [`vgm_transaction_seconds_bucket${of(',le="5"')}`]: '0x40',
      [`vgm_transaction_seconds_bucket${of(',le="10"')}`]: '0+6x40',
      [`vgm_transaction_seconds_bucket${of(',le="+Inf"')}`]: '0+6x40',
    },
    at: '30m',
    fires: [stage],
  },
  {
    alert: 'VgmTransactionsSlow',
    name: 'half a second each',
    series: {
      [`vgm_transaction_seconds_bucket${of(',le="0.5"')}`]: '0+60x40',
      [`vgm_transaction_seconds_bucket${of(',le="5"')}`]: '0+60x40',
      [`vgm_transaction_seconds_bucket${of(',le="+Inf"')}`]: '0+60x40',
    },
    at: '30m',
    fires: [],
  },
  {
    alert: 'VgmRebalancing',
    name: 'each minute',
    series: { [`vgm_rebalances_total${of()}`]: '0+2x60', [`vgm_ready${of()}`]: '1x60' },
    at: '40m',
    fires: [stage],
  },
  {
    alert: 'VgmRebalancing',
    name: 'once for each of six members that start',
    series: { [`vgm_rebalances_total${of()}`]: '0+1x6 6x60', [`vgm_ready${of()}`]: '1x60' },
    at: '40m',
    fires: [],
  },
  {
    alert: 'VgmRegistryAway',
    name: 'for one of two processes',
    series: {
      [`vgm_registry_reachable${of(',instance="a"')}`]: '0x9',
      [`vgm_registry_reachable${of(',instance="b"')}`]: '1x9',
    },
    at: '4m',
    fires: [stage],
  },
  {
    alert: 'VgmRegistryAway',
    name: 'for a minute',
    series: { [`vgm_registry_reachable${of()}`]: '1 0 1x9' },
    at: '4m',
    fires: [],
  },
  {
    alert: 'VgmModelsDiffer',
    name: 'for a quarter of an hour',
    series: {
      [`vgm_model_version${of(',instance="a"')}`]: '3x30',
      [`vgm_model_version${of(',instance="b"')}`]: '4x30',
    },
    at: '15m',
    fires: [stage],
  },
  {
    alert: 'VgmModelsDiffer',
    name: 'of two data sets',
    series: {
      [`vgm_model_version${of()}`]: '3x30',
      'vgm_model_version{stage="normalize",dataset="e"}': '4x30',
    },
    at: '15m',
    fires: [],
  },
]
