/**
 * The pipeline for programs: what the commands of vgm do, as functions. Each takes an open cluster and an options
 * object, and throws a PipelineError with the problem and its fix.
 */

export type { Compression } from '../batch/batch-header.ts'
export type { ClusterAccess } from '../config/cluster-access.ts'
export type { GroupOverrides, TopicNames, TopicOverrides } from '../config/names.ts'
export { type ModelCardFacts, modelCard } from '../drawing/model-card.ts'
export { modelPlot } from '../drawing/model-plot.ts'
export { modelSvg } from '../drawing/model-svg.ts'
export type { DriftFinding } from '../drift/drift-detector.ts'
export type { ColumnDrift, DriftAlarm, DriftReport } from '../drift/drift-report.ts'
export { type ExitCode, exitCodes, PipelineError } from '../errors.ts'
export type { TableFormat } from '../files/file-format.ts'
export type { Span, SpanColumn, Spans } from '../files/matrix/spans.ts'
export type { FileReading, TextOptions } from '../files/reading/table-options.ts'
export type { RenamedColumn } from '../files/writing/table-writer.ts'
export type { Model } from '../model/model.ts'
export type { ColumnDiff, ModelDiff, ModePair } from '../model/model-diff.ts'
export type { ModelFollower } from '../model/model-follower.ts'
export type { ConnectionSettings, TokenSource } from '../ports/connection-settings.ts'
export type { Delivery } from '../ports/log.ts'
export type { StageEvent } from '../ports/stage-event.ts'
export type { StageReport, TimeCounts } from '../ports/stage-report.ts'
export type { ColumnTransformDefinition, TransformColumn, TransformRows } from '../stages/column-transform.ts'
export type { DeadLetterPolicy } from '../stages/dead-letter-policy.ts'
export type { ExportReport } from '../stages/export.ts'
export type { LoadReport } from '../stages/load.ts'
export type { ExportMatrixReport } from '../stages/matrix/export-matrix.ts'
export type { ModeChoice } from '../stages/normalize.ts'
export type { RetryReport } from '../stages/retry-dead-letters.ts'
export type { SampleSize } from '../stages/sample.ts'
export type { StampedRow } from '../stages/stamped-versions.ts'
export { modelSpec } from '../stages/synthetic/model-spec.ts'
export { parseRowSpec, type RowSpec } from '../stages/synthetic/row-spec.ts'
export type { DeadLetterRow } from '../stages/verify/dead-letter-rows.ts'
export type { DeadLetter, DeadLetterSummary } from '../stages/verify/read-dead-letters.ts'
export {
  countDeadLetters,
  type DeadLettersOptions,
  type ExportDeadLettersOptions,
  exportDeadLetters,
  type ListDeadLettersOptions,
  listDeadLetters,
  readDeadLetter,
} from './browse-dead-letters.ts'
export {
  type BrowsedRow,
  type BrowsedRows,
  type BrowseRowsOptions,
  browseRows,
  type FindRowOptions,
  findRow,
  type SeenRow,
} from './browse-rows.ts'
export { checkFile } from './check-file.ts'
export { type CheckModelOptions, checkModel, type ModelCheck } from './check-model.ts'
export { type ClusterOptions, type ClusterSession, openCluster } from './cluster-session.ts'
export { type ColumnHint, columnHints } from './column-hints.ts'
export { type CompareModelsOptions, compareModels } from './compare-models.ts'
export type { ErrorCode } from './error-code.ts'
export * from './errors.ts'
export { estimateReplay, type ReplayEstimate } from './estimate-replay.ts'
export { type ExportMatrixOptions, exportMatrix } from './export-matrix.ts'
export { type ExportTopicOptions, exportTopic } from './export-topic.ts'
export { type FitDatasetOptions, fitDataset } from './fit-dataset.ts'
export { type Challenger, type FollowFitsOptions, followFits } from './follow-fits.ts'
export { type GenerateFileOptions, generateFile } from './generate-file.ts'
export { type GenerateRowsOptions, generateRows } from './generate-rows.ts'
export { type GroupLagOptions, groupLag, type Lag, lagRemarks } from './group-lag.ts'
export { type ListRunsOptions, listRuns, type Run } from './list-runs.ts'
export { type LoadFileOptions, loadFile } from './load-file.ts'
export { type LoadMatrixOptions, loadMatrix } from './load-matrix.ts'
export { type MeasureDriftOptions, type MeasuredDrift, measureDrift } from './measure-drift.ts'
export { type ExportModelOptions, exportModel, type ImportModelOptions, importModel } from './model-file.ts'
export {
  type FollowModelsOptions,
  followModels,
  listModels,
  type ModelVersion,
  modelNamed,
  type NameModelOptions,
  nameModel,
  type PromoteModelOptions,
  promoteModel,
  type VersionName,
} from './models-topic.ts'
export { type NormalizeTopicOptions, normalizeTopic } from './normalize-topic.ts'
export type { OnProgress } from './progress.ts'
export {
  type FlowReading,
  type GroupReading,
  listDatasets,
  type ReadFlowOptions,
  readFlow,
  type TopicReading,
} from './read-flow.ts'
export { type RemoveModelOptions, removeModel } from './remove-model.ts'
export { type ReplayPlan, type ReplayReport, type ReplayTopicOptions, replayTopic } from './replay-topic.ts'
export { type RestoreTopicOptions, restoreTopic } from './restore-topic.ts'
export {
  type DeadLetterRange,
  type RetryDeadLettersOptions,
  retryDeadLetters,
} from './retry-dead-letters.ts'
export { type SampleTopicOptions, sampleTopic } from './sample-topic.ts'
export { type StampedVersionsOptions, stampedVersions } from './stamped-versions.ts'
export {
  type LimitRateOptions,
  limitRate,
  pauseStages,
  resumeStages,
  type SteeredGroup,
  type SteeredStage,
  type SteerStagesOptions,
} from './steer-stages.ts'
export { defineTransform, type TransformRowsOptions, transformRows } from './transform-rows.ts'
export {
  type AuditResult,
  type LoadedFile,
  mismatches,
  type VerifyDatasetOptions,
  verifyDataset,
} from './verify-dataset.ts'
export { type WriteModelCardOptions, writeModelCard } from './write-model-card.ts'
export { type WriteModelSvgOptions, writeModelSvg } from './write-model-svg.ts'
