/** The failures that the functions of the library expect; each class has a code of its own. */
export { InterruptedError, UsageError } from '../errors.ts'
export {
  BadRowError,
  FileColumnError,
  FileExistsError,
  FileUnreadableError,
  FileUnwritableError,
} from '../files/file-errors.ts'
export { CorruptBatchError, UnsupportedBatchError } from '../kafka/batch-errors.ts'
export { TokenError } from '../kafka/bearer-token.ts'
export {
  AdvertisedListenerError,
  BrokerError,
  BrokerUnreachableError,
  ConnectionLostError,
  FencedError,
  UnreadableAnswerError,
} from '../kafka/broker-errors.ts'
export { BatchOfTooManyRowsError, ControlRequestError } from '../kafka/control-errors.ts'
export { CommitsFailingError, GroupUnstableError } from '../kafka/group-errors.ts'
export { BrokerLoginError, TlsError } from '../kafka/login-errors.ts'
export { ReadStalledError, TopicGoneError } from '../kafka/partition-watch.ts'
export { LogTruncatedError, PositionLostError, PositionsUnreadableError } from '../kafka/position-errors.ts'
export { StalledReadError } from '../kafka/range-read.ts'
export { NoRegistryError, RegistryRefusedError, RegistryUnreachableError } from '../kafka/registry-errors.ts'
export {
  CompactedTopicError,
  PartitionCountError,
  TopicMissingError,
  WrittenTopicGoneError,
} from '../kafka/topic-errors.ts'
export { RecordsTooLargeError } from '../kernel/kernel-memory.ts'
export { ColumnSpanError, EmptyColumnError, FitOptionError, NonFiniteValueError } from '../mixture/errors.ts'
export {
  CorruptModelError,
  ModelFileError,
  ModelInUseError,
  ModelMissingError,
  ModelReplacedError,
  ModelsTopicReplacedError,
  ModelsUnreadableError,
  ModelTooLargeError,
  ModelTooOldError,
  VersionsExhaustedError,
} from '../model/errors.ts'
export {
  MalformedSchemaError,
  NotNormalizedError,
  RefusedSchemaError,
  SchemaCollisionError,
  UnfitColumnError,
} from '../rows/schema-error.ts'
export { PositionUncountableError } from '../stages/counted-position.ts'
export { AllRowsDeadError, DeadLetterShareError, InvalidRowError } from '../stages/dead-letter-policy.ts'
export { ExportRowError } from '../stages/export-row-error.ts'
export { UnfittableError } from '../stages/fit.ts'
export { BatchUnreadableError } from '../stages/read-fetched.ts'
export { RowTooLargeError } from '../stages/row-too-large-error.ts'
export { SampleTooLargeError } from '../stages/smallest-rows.ts'
export { DeadLetterMissingError } from '../stages/verify/read-dead-letters.ts'
export { OutputLostError, PositionsMissingError } from './group-positions.ts'
export { MemberError } from './members/member-threads.ts'
