import { fileURLToPath } from 'node:url'

/** 3 million flights within the USA: delay in minutes, distance in miles, time, origin and destination. */
export function demoFile(): string {
  return fileURLToPath(new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')))
}
