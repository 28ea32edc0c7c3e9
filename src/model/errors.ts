import { countText } from '../count-text.ts'
import { exitCodes, PipelineError } from '../errors.ts'
import type { Model } from './model.ts'

/** A requested model, or the model of some rows, does not exist. */
export class ModelMissingError extends PipelineError {
  readonly code = 'VGM_MODEL_MISSING'
  /**
   * @param version what was asked for; undefined for the current one
   * @param why     a clause, if the topic tells
   */
  constructor(topic: string, dataset: string, version: number | undefined, known: readonly number[], why?: string) {
    const promote = `; make one current with "vgm model promote --dataset ${dataset}"`
    const what = version === undefined ? 'no current model' : `no model version ${version}`
    super(`Data set "${dataset}" has ${what} in topic ${topic}${why === undefined ? '' : `: ${why}`}`, {
      fix:
        known.length > 0
          ? `Use one of its versions: ${known.join(', ')}${version === undefined ? promote : ''}`
          : `Run "vgm fit --dataset ${dataset}" first`,
      exitCode: exitCodes.usage,
    })
  }
}

/** A record of the models topic that cannot be used. */
export class CorruptModelError extends PipelineError {
  readonly code = 'VGM_MODEL_CORRUPT'
  constructor(what: string, cause?: unknown) {
    super(what, { fix: 'Publish the model again with "vgm fit"; readers keep the last good one', cause })
  }
}

/** A file that is to hold a model does not. */
export class ModelFileError extends PipelineError {
  readonly code = 'VGM_MODEL_FILE'
  constructor(file: string, problem: string) {
    super(`${file} is no model: ${problem}`, {
      fix: 'Give a file that "vgm model export" has written, or another program by schemas/json/model.schema.json',
      exitCode: exitCodes.usage,
    })
  }
}

/** The end of the models topic cannot be read: another producer's transaction is open. */
export class ModelsUnreadableError extends PipelineError {
  readonly code = 'VGM_MODELS_UNREADABLE'
  constructor(topic: string, position: number, highWatermark: number, waitedMs: number) {
    super(
      `Topic ${topic} could be read only to offset ${position} of ${highWatermark} in ${Math.round(waitedMs / 1000)} s`,
      {
        fix: 'An open transaction holds readers back: end its producer, or wait for its time-out, and start again',
        retriable: true,
      },
    )
  }
}

/** A model is larger than what its topic takes as one message. */
export class ModelTooLargeError extends PipelineError {
  readonly code = 'VGM_MODEL_TOO_LARGE'
  /** @param sizeBytes before compression: as much is enough in any case */
  constructor(topic: string, key: string, sizeBytes: number, cause: unknown) {
    super(
      `Topic ${topic} does not accept model ${key}, which has ${countText(sizeBytes)} bytes ` +
        'before it is compressed; ' +
        'nothing is published',
      {
        fix:
          `Raise the topic's limit with "kafka-configs.sh --alter --topic ${topic} --add-config ` +
          `max.message.bytes=${sizeBytes}" and the brokers, or model fewer columns with "vgm fit --columns"`,
        exitCode: exitCodes.usage,
        cause,
      },
    )
  }
}

/** No version is left for a publication. */
export class VersionsExhaustedError extends PipelineError {
  readonly code = 'VGM_MODEL_VERSIONS'
  constructor(dataset: string, highest: number) {
    super(`Data set "${dataset}" has used version ${highest}, and no higher version is possible`, {
      fix:
        `A record with the key ${dataset}/${highest} or ${dataset}/current says so. Name another ` +
        'topic of models, or another data set',
      exitCode: exitCodes.usage,
    })
  }
}

/** The models topic is no longer the one that was read. */
export class ModelsTopicReplacedError extends PipelineError {
  readonly code = 'VGM_MODELS_REPLACED'
  constructor(topic: string) {
    super(
      `Topic ${topic} was deleted and recreated: the models that were read from it are gone, and their ` +
        'versions are assigned again',
      {
        fix:
          'Start again to use the present models of the topic. To restore rows of models that are ' +
          'gone, publish these models again first',
        exitCode: exitCodes.usage,
      },
    )
  }
}

/** Rows were normalized with another model than the one that has their version now. */
export class ModelReplacedError extends PipelineError {
  readonly code = 'VGM_MODEL_REPLACED'
  constructor(schemaId: number, { dataset, version, contentSha256 }: Model, content: string) {
    const short = (hash: string) => hash.slice(0, 12)
    super(
      `Rows of schema ${schemaId} were normalized with version ${version} of data set "${dataset}" with ` +
        `content ${short(content)}, and version ${version} now has content ${short(contentSha256)}`,
      {
        fix:
          'The models topic was deleted, or another one is read: name the one that the rows were ' +
          'normalized with (--models-topic, modelsTopic), ' +
          'or normalize the raw rows again, into another topic',
        exitCode: exitCodes.usage,
      },
    )
  }
}

/** A version of a model is still needed. */
export class ModelInUseError extends PipelineError {
  readonly code = 'VGM_MODEL_IN_USE'
  constructor(dataset: string, version: number, why: string, fix: string) {
    super(`Version ${version} of data set "${dataset}" is in use: ${why}`, { fix, exitCode: exitCodes.usage })
  }
}

/** A stage was told not to use a model for so long. */
export class ModelTooOldError extends PipelineError {
  readonly code = 'VGM_MODEL_TOO_OLD'
  constructor({ dataset, version, createdAtMs }: Model, nowMs: number, maxAgeMs: number) {
    super(
      `Version ${version} of data set "${dataset}" was fitted ${spanText(nowMs - createdAtMs)} ago, and at most ` +
        `${spanText(maxAgeMs)} are allowed`,
      {
        fix: `Fit again with "vgm fit --dataset ${dataset}", or allow more (--max-model-age, maxModelAgeMs)`,
        exitCode: exitCodes.usage,
      },
    )
  }
}

const unitsMs = [
  ['days', 86_400_000],
  ['hours', 3_600_000],
  ['minutes', 60_000],
  ['seconds', 1_000],
] as const

/** In the largest unit of which it is two or more. @example spanText(150_000) // '2.5 minutes' */
function spanText(ms: number): string {
  const [unit, unitMs] = unitsMs.find(([, unitMs]) => ms >= 2 * unitMs) ?? ['ms', 1]
  return `${Number((ms / unitMs).toFixed(1))} ${unit}`
}
