import { PipelineError } from '../errors.ts'

/** A row of the topic is not what its schema says, or no Confluent message at all. */
export class ExportRowError extends PipelineError {
  readonly code = 'VGM_EXPORT_ROW'
  /** @param fix what to do but for leaving such rows out */
  constructor(topic: string, partition: number, offset: number, problem: string, fix: string) {
    super(`Row at offset ${offset} of ${topic}, partition ${partition}: ${problem}`, {
      fix: `${fix}, or omit such rows (--skip-unreadable, skipsUnreadable)`,
    })
  }
}
