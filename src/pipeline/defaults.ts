/** Default number of partitions of a new topic of rows. */
export const defaultPartitions = 4
/** Rows of a sample: enough for ten modes, and fitted in about a second. */
export const defaultSampleRows = 200_000
/** Rows of a generated batch: some 500 KiB of one column. */
export const defaultBatchRows = 20_000
