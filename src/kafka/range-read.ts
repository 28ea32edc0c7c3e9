import { InterruptedError, PipelineError } from '../errors.ts'
import type { OffsetRange, RowSource, StockRow } from '../ports/stock-log.ts'

/** A range could not be read to its end. */
export class StalledReadError extends PipelineError {
  readonly code = 'VGM_READ_STALLED'
  constructor(topic: string, partition: number, position: number, end: number, problem: string, fix: string) {
    super(`${topic}/${partition} could be read only to offset ${position} of ${end}: ${problem}`, {
      fix,
      retriable: true,
    })
  }
}

/** What a read may ask of the consumer that gives it rows. */
interface Flow {
  readonly limit: number
  /** What waits is not read any more when it fires. */
  readonly signal: AbortSignal | undefined
  pause(): void
  resume(): void
  done(): void
}

/** The rows of one range, between the consumer that puts them in and the audit that takes them out. */
export class RangeRead implements RowSource {
  readonly unreadable: OffsetRange[] = []
  readonly #topic: string
  readonly #partition: number
  readonly #end: number
  readonly #patienceMs: number
  readonly #flow: Flow
  #position: number
  #waiting: (readonly StockRow[])[] = []
  #waitingRows = 0
  #isPaused = false
  #failure: PipelineError | undefined
  #wake: (() => void) | undefined

  constructor(topic: string, partition: number, start: number, end: number, patienceMs: number, flow: Flow) {
    this.#topic = topic
    this.#partition = partition
    this.#position = start
    this.#end = end
    this.#patienceMs = patienceMs
    this.#flow = flow
  }

  /** The next offset; everything before it has been put in, or was filtered. */
  get position(): number {
    return this.#position
  }

  async next(): Promise<readonly StockRow[] | undefined> {
    const { signal } = this.#flow
    while (this.#waiting.length === 0 && !signal?.aborted) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#position >= this.#end) return undefined
      await this.#arrival()
    }
    if (signal?.aborted) throw new InterruptedError()
    const rows = this.#waiting.shift()!
    this.#waitingRows -= rows.length
    if (this.#isPaused && 2 * this.#waitingRows < this.#flow.limit && this.#position < this.#end) {
      this.#isPaused = false
      this.#flow.resume()
    }
    return rows
  }

  /**
   * @param from       where the fetch began
   * @param nextOffset after everything in it, filtered rows included
   */
  take(messages: readonly StockRow[], from: number, nextOffset: number): void {
    // kafkajs silently returns to the start of the log when its position has been deleted.
    if (from > this.#position) {
      this.fail(this.#stalled('its rows were deleted meanwhile', 'Raise the retention of the topic'))
      return
    }
    const isInside = from === this.#position && nextOffset <= this.#end
    const rows = isInside ? messages : messages.filter((row) => this.#isDue(Number(row.offset)))
    if (rows.length > 0) {
      this.#waiting.push(rows)
      this.#waitingRows += rows.length
    }
    this.advance(nextOffset)
  }

  advance(nextOffset: number): void {
    if (nextOffset <= this.#position) return
    this.#position = nextOffset
    if (!this.#isPaused && (this.#waitingRows >= this.#flow.limit || nextOffset >= this.#end)) {
      this.#isPaused = true
      this.#flow.pause()
    }
    if (nextOffset >= this.#end) this.#flow.done()
    this.#wake?.()
  }

  passOver(batch: OffsetRange): void {
    this.unreadable.push(batch)
    this.advance(Math.min(batch.end, this.#end))
  }

  /** Ends with what keeps it from being read on. */
  stop({ message, fix }: PipelineError): void {
    this.fail(this.#stalled(message, fix))
  }

  /** Looks at the signal, which has fired. */
  wake(): void {
    this.#wake?.()
  }

  fail(error: PipelineError): void {
    this.#failure = error
    this.#flow.done()
    this.#wake?.()
  }

  #isDue(offset: number): boolean {
    return offset >= this.#position && offset < this.#end
  }

  #arrival(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#wake = undefined
        reject(
          this.#stalled(
            'no data arrived',
            'An open transaction may hold rows back: end its producer, or wait for its time-out',
          ),
        )
      }, this.#patienceMs)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }

  #stalled(problem: string, fix: string): StalledReadError {
    return new StalledReadError(this.#topic, this.#partition, this.#position, this.#end, problem, fix)
  }
}
