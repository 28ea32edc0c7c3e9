import { readFileSync } from 'node:fs'
import { type Lz4Code, lz4Code } from '../batch/lz4.ts'
import { PipelineError } from '../errors.ts'

/** What row-kernel.wasm exports; each takes the address of its arguments, as layout.ts has them. */
export interface KernelCode {
  /** whether the bytes are records */
  walk(args: number): number
  /** why it stopped */
  transform(args: number): number
  decode(args: number): void
  /** how many values were added */
  summarize(args: number): number
}

/** More bytes than a kernel can hold. */
export class RecordsTooLargeError extends PipelineError {
  readonly code = 'VGM_ROWS_TOO_LARGE'
  constructor(bytes: number, cause: unknown) {
    super(`A row, or a model, takes ${bytes} bytes more than there is room for; a reader has 2 GiB`, {
      fix: 'Give the process more memory, or let the producer write smaller rows',
      cause,
    })
  }
}

const pageBytes = 65_536
/** 2 GiB: addresses are signed words where -1 stands for a null. */
const mostPages = 32_767
/** The address 0 stands for nothing. */
const firstByte = 64
const alignment = 16
/** Free memory at the end is given back from here on. */
const keptBytes = 16 * 1024 * 1024

let module: WebAssembly.Module | undefined

function kernelModule(): WebAssembly.Module {
  module ??= new WebAssembly.Module(readFileSync(new URL('./row-kernel.wasm', import.meta.url)))
  return module
}

/**
 * The memory of one kernel, and its code. It grows when it must; then views over it are made anew, so that nobody keeps
 * one.
 */
export class KernelMemory {
  /** over all of it */
  bytes: Uint8Array<ArrayBuffer>
  view: DataView<ArrayBuffer>
  #memory: WebAssembly.Memory
  #code: KernelCode
  #lz4: Lz4Code
  readonly #onMove: () => void
  /** free blocks, by address */
  #free: { at: number; bytes: number }[]
  readonly #sizes = new Map<number, number>()

  /** @param onMove called after it has grown or shrunk */
  constructor(onMove: () => void) {
    this.#onMove = onMove
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: mostPages })
    this.#code = instantiate(this.#memory)
    this.#lz4 = lz4Code(this.#memory)
    this.bytes = new Uint8Array(this.#memory.buffer)
    this.view = new DataView(this.bytes.buffer)
    this.#free = [{ at: firstByte, bytes: this.bytes.length - firstByte }]
  }

  get code(): KernelCode {
    return this.#code
  }

  get lz4(): Lz4Code {
    return this.#lz4
  }

  /** @throws RecordsTooLargeError */
  allocate(wanted: number): number {
    const bytes = Math.max(alignment, Math.ceil(wanted / alignment) * alignment)
    let block = this.#free.find((free) => free.bytes >= bytes)
    if (block === undefined) {
      this.#grow(bytes)
      block = this.#free[this.#free.length - 1]
    }
    const { at } = block
    block.at += bytes
    block.bytes -= bytes
    if (block.bytes === 0) this.#free.splice(this.#free.indexOf(block), 1)
    this.#sizes.set(at, bytes)
    return at
  }

  free(at: number): void {
    const bytes = this.#sizes.get(at)
    if (bytes === undefined) throw new RangeError(`Nothing was allocated at ${at}`)
    this.#sizes.delete(at)
    let i = this.#free.findIndex((free) => free.at > at)
    if (i < 0) i = this.#free.length
    this.#free.splice(i, 0, { at, bytes })
    for (const place of [i, i - 1]) {
      const [block, next] = [this.#free[place], this.#free[place + 1]]
      if (block === undefined || next === undefined || block.at + block.bytes !== next.at) continue
      block.bytes += next.bytes
      this.#free.splice(place + 1, 1)
    }
  }

  /** Gives back what one giant row has needed: a memory cannot shrink, so that what is used moves to another one. */
  shrink(): void {
    const last = this.#free[this.#free.length - 1]
    if (last === undefined || last.bytes < keptBytes || last.at + last.bytes !== this.bytes.length) return
    const pages = Math.ceil(last.at / pageBytes)
    const used = this.bytes.subarray(0, last.at)
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: mostPages })
    this.#code = instantiate(this.#memory)
    this.#lz4 = lz4Code(this.#memory)
    this.bytes = new Uint8Array(this.#memory.buffer)
    this.bytes.set(used)
    last.bytes = this.bytes.length - last.at
    if (last.bytes === 0) this.#free.pop()
    this.#moved()
  }

  #grow(bytes: number): void {
    const end = this.bytes.length
    const pages = Math.ceil(bytes / pageBytes)
    try {
      this.#memory.grow(pages)
    } catch (cause) {
      throw new RecordsTooLargeError(bytes, cause)
    }
    this.#moved()
    const last = this.#free[this.#free.length - 1]
    if (last !== undefined && last.at + last.bytes === end) last.bytes += pages * pageBytes
    else this.#free.push({ at: end, bytes: pages * pageBytes })
  }

  #moved(): void {
    this.bytes = new Uint8Array(this.#memory.buffer)
    this.view = new DataView(this.bytes.buffer)
    this.#onMove()
  }
}

function instantiate(memory: WebAssembly.Memory): KernelCode {
  const { exports } = new WebAssembly.Instance(kernelModule(), { env: { memory } })
  return exports as KernelCode
}
