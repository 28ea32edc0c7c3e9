import { countText } from '../count-text.ts'
import { PipelineError } from '../errors.ts'
import type { TopicPartition } from '../ports/log.ts'
import type { StageReport } from '../ports/stage-report.ts'
import { rowErrorCodes, rowErrorMessages, rowErrors } from '../rows/row-error.ts'
import type { SchemaProblem } from './row-transform.ts'

/** How many rows may become dead letters. */
export interface DeadLetterPolicy {
  /** the largest share of dead letters among the rows read last, in (0, 1]; 1 for no limit */
  readonly maxShare: number
  /** `stop`: the first row that cannot be processed stops the stage */
  readonly onInvalid: 'dead-letter' | 'stop'
}

/**
 * Half: if most rows fail, the cause is not single rows but a schema, a registry or the model, and no output is better
 * than half of it.
 */
export const deadLetterDefaults: DeadLetterPolicy = { maxShare: 0.5, onInvalid: 'dead-letter' }

/** "Read last" means so many rows, rounded up to whole buckets. */
const windowRows = 100_000
const bucketRows = 1_000
/** Minimum number of rows for a decision. It is small, because each failing start may write that many dead letters. */
const enoughRows = 1_000

const usualFix = 'Mend the schema, the registry or the model'

/** Too large a share of the rows would become dead letters. */
export class DeadLetterShareError extends PipelineError {
  readonly code = 'VGM_DEAD_LETTER_SHARE'
  constructor(dead: number, rows: number, lastRow: string, { maxShare }: DeadLetterPolicy, fix: string) {
    super(
      `${countText(dead)} of the last ${countText(rows)} rows cannot be processed, more than the allowed share ` +
        `of ${maxShare}; the last one is ${lastRow}`,
      {
        fix:
          `${fix} and start again: the transaction in which this was found was aborted. ` +
          'Or allow more with --max-dead-letters (deadLetters.maxShare; 1 for any number)',
      },
    )
  }
}

/** A stage has come to the end of its topic, and not one row could be processed. */
export class AllRowsDeadError extends PipelineError {
  readonly code = 'VGM_ALL_ROWS_DEAD'
  /** @param topic of the dead letters */
  constructor(rows: number, topic: string, dataset: string) {
    const all = rows === 1 ? 'The only row became a dead letter' : `All ${countText(rows)} rows became dead letters`
    super(`${all}: none was written`, {
      fix:
        `See why with "vgm dead-letters ls --dataset ${dataset} --topic ${topic}", and mend that. ` +
        'Or allow any number with --max-dead-letters 1 (deadLetters.maxShare)',
    })
  }
}

/**
 * For the report of a stage that has come to the end of its topic: too few rows for a share may have no other.
 *
 * @throws AllRowsDeadError if no row could be processed, and not any number may become dead letters
 */
export function refuseAllDead(
  { rowsIn, deadLetters }: Pick<StageReport, 'rowsIn' | 'deadLetters'>,
  policy: DeadLetterPolicy | undefined,
  topic: string,
  dataset: string,
): void {
  if (deadLetters > 0 && deadLetters === rowsIn && (policy ?? deadLetterDefaults).maxShare < 1)
    throw new AllRowsDeadError(rowsIn, topic, dataset)
}

/** A row cannot be processed, and none may become a dead letter. */
export class InvalidRowError extends PipelineError {
  readonly code = 'VGM_ROW_INVALID'
  constructor(row: string) {
    super(`A row cannot be processed: ${row}`, {
      fix:
        'Correct the row at its source, or start again with --on-invalid dead-letter (deadLetters.onInvalid): ' +
        'the row then becomes a dead letter, and the stage continues',
    })
  }
}

/** Counts rows and dead letters, and stops the stage by the policy. */
export class DeadLetterWatch {
  readonly #policy: DeadLetterPolicy
  /** rows and dead letters, oldest bucket first; the last one is being filled */
  #buckets: { rows: number; dead: number }[] = [{ rows: 0, dead: 0 }]
  #rows = 0
  #dead = 0
  /** of the batch that is being processed */
  #batchDead = 0
  #lastRow = ''
  #fix = usualFix
  readonly #schemaProblem: () => SchemaProblem | undefined

  /** @param schemaProblem why rows of a schema cannot be processed, where more is known than that */
  constructor(policy: DeadLetterPolicy, schemaProblem: () => SchemaProblem | undefined = () => undefined) {
    this.#policy = policy
    this.#schemaProblem = schemaProblem
  }

  /**
   * Counts a dead letter.
   *
   * @param row rows of the batch that came before it
   * @param told why, where more is known than what the error means everywhere
   * @throws InvalidRowError, DeadLetterShareError
   */
  deadLetter({ topic, partition }: TopicPartition, offset: number, row: number, error: number, told?: string): void {
    const problem = error === rowErrors.schemaMismatch ? this.#schemaProblem() : undefined
    const reason = problem?.reason ?? told ?? rowErrorMessages[error]
    this.#fix = problem?.fix ?? usualFix
    this.#lastRow = `${topic}/${partition} offset ${offset}: ${reason} (${rowErrorCodes[error]})`
    if (this.#policy.onInvalid === 'stop') throw new InvalidRowError(this.#lastRow)
    // Checked within batches too: each row may cost a request to the registry.
    if (++this.#batchDead % bucketRows === 0) this.#check(this.#rows + row + 1, this.#dead + this.#batchDead)
  }

  /** Counts the rows of a batch, dead letters included. @throws DeadLetterShareError */
  batch(rows: number): void {
    const dead = this.#batchDead
    this.#batchDead = 0
    this.#rows += rows
    this.#dead += dead
    let last = this.#buckets[this.#buckets.length - 1]
    if (last.rows >= bucketRows) {
      last = { rows: 0, dead: 0 }
      this.#buckets.push(last)
    }
    last.rows += rows
    last.dead += dead
    while (this.#rows - this.#buckets[0].rows >= windowRows) {
      const [oldest] = this.#buckets.splice(0, 1)
      this.#rows -= oldest.rows
      this.#dead -= oldest.dead
    }
    if (dead > 0) this.#check(this.#rows, this.#dead)
  }

  /** Starts counting again, for instance after an abort, because its rows are read again. */
  clear(): void {
    this.#buckets = [{ rows: 0, dead: 0 }]
    this.#rows = this.#dead = this.#batchDead = 0
  }

  #check(rows: number, dead: number): void {
    if (rows >= enoughRows && dead > this.#policy.maxShare * rows)
      throw new DeadLetterShareError(dead, rows, this.#lastRow, this.#policy, this.#fix)
  }
}
