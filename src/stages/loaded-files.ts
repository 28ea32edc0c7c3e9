import type { OffsetCommit, PositionNote } from '../ports/log.ts'
import { type FileProgress, formatLoadProgress, parseLoadProgress } from './load-progress.ts'

/** The load group of a data set, and the topic that it loads. */
export interface LoadPlace {
  /** whose offset on partition 0 of the topic is the position: vgm.<D>.load */
  readonly group: string
  readonly topic: string
}

/**
 * The files that a topic was loaded from. The latest some 40 stand in the text beside the group's committed offset,
 * which brokers limit; the positions topic has a note for each file, however many they are.
 */
export class LoadedFiles {
  readonly #place: LoadPlace
  /** by fingerprint, the latest first */
  #files: Map<string, FileProgress>
  /** files without a note yet: an earlier version has loaded them */
  #unnoted: readonly FileProgress[]

  /**
   * @param metadata text beside the committed offset
   * @param notes    texts by fingerprint
   */
  constructor(place: LoadPlace, metadata: string | undefined, notes: ReadonlyMap<string, string>) {
    this.#place = place
    const latest = parseLoadProgress(metadata)
    const noted = [...notes.values()].flatMap(parseLoadProgress)
    this.#files = new Map([...noted, ...latest].map((progress) => [progress.file, progress]))
    for (const progress of latest.toReversed()) this.#putFirst(progress)
    this.#unnoted = latest.filter(({ file }) => !notes.has(file))
  }

  /** Whether no load is known. */
  get isEmpty(): boolean {
    return this.#files.size === 0
  }

  get all(): readonly FileProgress[] {
    return [...this.#files.values()]
  }

  /** @param fingerprint `FileContent.fingerprint` */
  find(fingerprint: string): FileProgress | undefined {
    return this.#files.get(fingerprint)
  }

  /**
   * The position after more of a file, for the transaction that has its rows.
   *
   * @param replaced an unfinished load that this one has taken over
   */
  committing(progress: FileProgress, replaced?: FileProgress): OffsetCommit {
    const { group, topic } = this.#place
    const place = { topic, partition: 0 }
    if (replaced !== undefined) this.#files.delete(replaced.file)
    this.#putFirst(progress)
    const noteOf = (progress: FileProgress): PositionNote => ({
      ...place,
      name: progress.file,
      text: formatLoadProgress([progress]),
    })
    const notes = [
      ...this.#unnoted.filter(({ file }) => this.#files.has(file) && file !== progress.file).map(noteOf),
      ...(replaced === undefined ? [] : [{ ...place, name: replaced.file, text: null }]),
      noteOf(progress),
    ]
    this.#unnoted = []
    return {
      group,
      offsets: [{ ...place, offset: progress.rows, metadata: formatLoadProgress(this.#files.values()) }],
      notes,
    }
  }

  #putFirst(progress: FileProgress): void {
    const { file } = progress
    const [first] = this.#files.keys()
    if (first !== file) {
      this.#files.delete(file)
      this.#files = new Map([[file, progress], ...this.#files])
    } else this.#files.set(file, progress)
  }
}
