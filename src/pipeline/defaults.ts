// What options may be, and what they are unless told. It is loaded before a command runs, so it brings no client.

export { compressions } from '../batch/batch-header.ts'
export { fileFormats, tableFormats } from '../files/file-format.ts'
export { matrixFormats, matrixKinds, scoreDistributions } from '../files/matrix/spans.ts'
export { idleFlags } from '../files/reading/table-options.ts'
export { fitSettings } from '../mixture/fit-options.ts'
export { deliveries } from '../ports/log.ts'
export { rowErrorCodes } from '../rows/row-error.ts'
export { deadLetterDefaults } from '../stages/dead-letter-policy.ts'
export { parseRowSpec } from '../stages/synthetic/row-spec.ts'

/** Default number of partitions of a new topic of rows. */
export const defaultPartitions = 4
/** Bytes of a member's buffers, for topics with batches of usual size. */
export const defaultMaxMemory = 160 * 1024 * 1024
/** Rows of a sample: enough for ten modes, and fitted in about a second. */
export const defaultSampleRows = 200_000
/** Rows of a generated batch: some 500 KiB of one column. */
export const defaultBatchRows = 20_000

/** CTGAN's own: its generator ends in tanh. */
export const defaultMatrixClip = 0.99
/** What diffusion models and copulas take; scikit-learn's own is uniform. */
export const defaultDistribution = 'normal'
/** That of rtdl_num_embeddings. */
export const defaultBins = 48

/** The stages whose groups take orders. */
export const steeredStages = ['normalize', 'restore', 'replay'] as const
