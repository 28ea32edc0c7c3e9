import { globSync } from 'node:fs'
import { join } from 'node:path'
import type { FaultCase } from './fault-case.ts'

/** Every file in cases/, in the order of their names. */
export async function allCases(): Promise<FaultCase[]> {
  const files = globSync(join(import.meta.dirname, 'cases', '*.ts')).sort()
  const modules = await Promise.all(files.map((file) => import(file) as Promise<{ default: FaultCase }>))
  return modules.map((module) => module.default)
}
