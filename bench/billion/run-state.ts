import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../src/errors.ts'
import type { PhaseReport } from './phase-report.ts'

/** How far a run has come: what is written down survives a kill, and the next start goes on from it. */
export interface RunState {
  readonly rows: number
  readonly dataset: string
  /** by name, in the order in which they were done */
  readonly phases: Readonly<Record<string, PhaseReport>>
  /** restored rows that have been compared, by partition: how many, and where the next one is */
  readonly verified: Readonly<Record<number, { readonly rows: number; readonly offset: number }>>
  /** of those, and of rows that are missing */
  readonly wrong: number
  /** what "vgm verify" has found */
  readonly audit: { readonly rows: number; readonly mismatches: number } | undefined
}

/** Keeps the state of a run in a file of its folder. */
export class RunStateFile {
  readonly #file: string
  state: RunState

  /** @throws UsageError if the folder holds a run of another size */
  constructor(folder: string, rows: number, dataset: string) {
    mkdirSync(folder, { recursive: true })
    this.#file = join(folder, 'state.json')
    this.state = this.#read() ?? { rows, dataset, phases: {}, verified: {}, wrong: 0, audit: undefined }
    if (this.state.rows !== rows || this.state.dataset !== dataset)
      throw new UsageError(
        `${folder} holds an unfinished run of ${this.state.rows} rows of ${this.state.dataset}`,
        'Go on with its --rows, name another --folder, or delete that one',
      )
  }

  update(change: Partial<RunState>): void {
    this.state = { ...this.state, ...change }
    // A kill in the middle leaves the old state.
    const draft = `${this.#file}.draft`
    writeFileSync(draft, JSON.stringify(this.state, undefined, 2))
    renameSync(draft, this.#file)
  }

  #read(): RunState | undefined {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8')) as RunState
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }
}
