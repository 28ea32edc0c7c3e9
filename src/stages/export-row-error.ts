import { PipelineError } from '../errors.ts'

/** A row of the topic is not what its schema says, or no Confluent message at all. */
export class ExportRowError extends PipelineError {
  readonly code = 'VGM_EXPORT_ROW'
  constructor(topic: string, partition: number, offset: number, problem: string) {
    super(`Row at offset ${offset} of ${topic}, partition ${partition}: ${problem}`, {
      fix:
        'Export a topic that "vgm normalize", "vgm replay" or "vgm restore" has written, or omit ' +
        'such rows (--skip-unreadable, skipsUnreadable)',
    })
  }
}
