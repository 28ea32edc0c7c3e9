/** Why a row cannot be processed; 0 means that it can. Stored one byte a row, and named in `vgm.error.code`. */
export const rowErrors = {
  none: 0,
  /** shorter than the five framing bytes, or the first is not 0 */
  badFraming: 1,
  /** the registry knows no schema of this id */
  unknownSchema: 2,
  /** the schema lacks a modelled column, or has it with a type that cannot be read as the model's */
  schemaMismatch: 3,
  /** the body ends before the schema does, or holds an impossible length, branch or varint */
  malformed: 4,
  /** the body goes on after the schema has ended */
  trailingBytes: 5,
  /** NaN or an infinity in a modelled column */
  notFinite: 6,
  /** an integer beyond 2^49, or a decimal beyond 2^48 units, in a modelled column: it could not be restored exactly */
  beyondExact: 7,
  /** a restored row names a mode that its model does not have */
  badMode: 8,
  /** a number so far from the modes that its normalized value would be infinite, or restored to an infinity */
  beyondModes: 9,
  /** no compression makes what became of it small enough for the topic */
  tooLarge: 10,
  /** a whole batch, which inflates to more than a reader takes */
  batchTooLarge: 11,
  /** a whole batch, whose bytes contradict each other or cannot be decompressed */
  batchMalformed: 12,
  /** the transform of a program has set it aside */
  rejected: 13,
  /** a number that the transform of a program has written, and its field's type cannot hold */
  beyondField: 14,
} as const

export type RowError = (typeof rowErrors)[keyof typeof rowErrors]

/** What stands in the header `vgm.error.code`, by error. */
export const rowErrorCodes: readonly string[] = [
  '',
  'VGM_ROW_FRAMING',
  'VGM_ROW_SCHEMA_UNKNOWN',
  'VGM_ROW_SCHEMA_MISMATCH',
  'VGM_ROW_MALFORMED',
  'VGM_ROW_TRAILING_BYTES',
  'VGM_ROW_NOT_FINITE',
  'VGM_ROW_BEYOND_EXACT',
  'VGM_ROW_BAD_MODE',
  'VGM_ROW_BEYOND_MODES',
  'VGM_ROW_TOO_LARGE',
  'VGM_BATCH_TOO_LARGE',
  'VGM_BATCH_MALFORMED',
  'VGM_ROW_REJECTED',
  'VGM_ROW_BEYOND_FIELD',
]

/** What stands in the header `vgm.error.message`, by error. */
export const rowErrorMessages: readonly string[] = [
  '',
  'The value does not begin with the magic byte 0 and a schema id',
  'The registry knows no Avro schema of this id',
  'The schema lacks a modelled column, or has it with another type',
  'The Avro body is truncated or malformed',
  'Bytes follow the end of the Avro body',
  'A modelled column is NaN or infinite',
  'A modelled integer is beyond 2^49, or a decimal beyond 2^48 units of its last digit: it could not be restored ' +
    'exactly',
  'The mode does not exist in the model that the row names',
  'A modelled number is too far from all modes: normalized or restored it would be infinite',
  'The output row exceeds max.message.bytes of the output topic with every codec',
  'The batch inflates to more than a reader accepts: the value is the whole record batch as it is in the log',
  'The batch cannot be decompressed or parsed: the value is the whole record batch as it is in the log',
  'The transform has rejected the row',
  'The transform has written a number that its field cannot hold',
]
