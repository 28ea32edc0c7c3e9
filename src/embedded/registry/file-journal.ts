import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { PipelineError } from '../../errors.ts'
import type { RegistryEntry, RegistryJournal } from './registry-entry.ts'

/** A registry's journal is not what was written, or cannot be written. */
export class RegistryJournalError extends PipelineError {
  readonly code = 'VGM_REGISTRY_JOURNAL'
  constructor(path: string, problem: string, fix: string, cause?: unknown) {
    super(`The registry's journal ${path}: ${problem}`, { fix, cause })
  }
}

/** The first line: what the file is, and how its entries are to be read. */
const header = JSON.stringify({ journal: 'vgm-stream schema registry', version: 1 })
const restoreFix = 'Restore the file from a copy, or move it away: the registry then starts empty'

/**
 * A journal in one file: a line for each entry, its CRC-32 in hex, a space, and JSON. An entry is on the disk when
 * `append` returns. What a kill has left of a line at the end is cut when the file is opened: nobody was told that it
 * is safe.
 */
export class FileJournal implements RegistryJournal {
  /** what the file held when it was opened */
  readonly entries: readonly RegistryEntry[]
  readonly #path: string
  readonly #file: number
  /** why nothing more is written: what the disk holds is unknown */
  #failure: RegistryJournalError | undefined

  /** Opens a file, or makes it. @throws RegistryJournalError for a damaged one */
  constructor(path: string) {
    this.#path = path
    this.#file = this.#try('cannot be opened', () => openSync(path, 'a+'))
    try {
      const bytes = this.#try('cannot be read', () => readAll(this.#file))
      // 10 is the end of a line.
      const wholeBytes = bytes.lastIndexOf(10) + 1
      // Nothing of a file that was never a journal is cut.
      if (wholeBytes === 0 && !lineOf(header).subarray(0, bytes.length).equals(bytes))
        throw this.#damaged(1, 'it is not how a journal begins')
      const [first, ...entries] = this.#read(bytes.subarray(0, wholeBytes))
      this.entries = entries as RegistryEntry[]
      if (wholeBytes < bytes.length) this.#try('cannot be cut', () => ftruncateSync(this.#file, wholeBytes))
      if (first === undefined) this.#begin()
      else if (JSON.stringify(first) !== header) throw this.#damaged(1, 'it is none of this version')
    } catch (error) {
      closeSync(this.#file)
      throw error
    }
  }

  append(entry: RegistryEntry): void {
    this.#write(JSON.stringify(entry))
  }

  close(): void {
    this.#failure ??= new RegistryJournalError(this.#path, 'it is closed', 'Start the registry again')
    closeSync(this.#file)
  }

  #begin(): void {
    this.#write(header)
    // The file's name, too, must outlast a crash.
    this.#try('cannot be written', () => {
      const folder = openSync(dirname(this.#path), 'r')
      try {
        fsyncSync(folder)
      } finally {
        closeSync(folder)
      }
    })
  }

  #write(json: string): void {
    if (this.#failure !== undefined) throw this.#failure
    const line = lineOf(json)
    try {
      for (let at = 0; at < line.length; ) at += writeSync(this.#file, line, at)
      fsyncSync(this.#file)
    } catch (cause) {
      // What came of the line is cut when the file is opened again.
      const fix = 'Make room on the disk, and start again: the registry goes on from what is safe'
      this.#failure = new RegistryJournalError(this.#path, `cannot be written: ${(cause as Error).message}`, fix, cause)
      throw this.#failure
    }
  }

  #read(bytes: Buffer): unknown[] {
    const lines = bytes.toString('utf8').split('\n').slice(0, -1)
    return lines.map((line, i) => {
      const json = line.slice(9)
      if (line.slice(0, 9) !== `${checksum(json)} `) throw this.#damaged(i + 1, 'its checksum is wrong')
      return JSON.parse(json) as unknown
    })
  }

  #damaged(line: number, problem: string): RegistryJournalError {
    return new RegistryJournalError(this.#path, `line ${line} is damaged: ${problem}`, restoreFix)
  }

  #try<Result>(problem: string, work: () => Result): Result {
    try {
      return work()
    } catch (cause) {
      const fix = 'Check the permissions of the file and of its folder'
      throw new RegistryJournalError(this.#path, `${problem}: ${(cause as Error).message}`, fix, cause)
    }
  }
}

function lineOf(json: string): Buffer {
  return Buffer.from(`${checksum(json)} ${json}\n`)
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}

function readAll(file: number): Buffer {
  const bytes = Buffer.alloc(fstatSync(file).size)
  let at = 0
  for (let read = -1; read !== 0 && at < bytes.length; at += read)
    read = readSync(file, bytes, at, bytes.length - at, at)
  return bytes.subarray(0, at)
}
