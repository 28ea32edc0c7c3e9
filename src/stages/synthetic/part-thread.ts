import { parentPort, workerData } from 'node:worker_threads'
import { partBufferBytes } from '../../files/synthetic/part-file.ts'
import { type SyntheticFile, type SyntheticPart, writeSyntheticPart } from './synthetic-part.ts'

// This module is the main program of a thread that writes parts of a synthetic file, one after the other as they are
// asked for.

const file = workerData as SyntheticFile
const buffer = new Uint8Array(partBufferBytes)
parentPort?.on('message', (part: SyntheticPart) => parentPort?.postMessage(writeSyntheticPart(file, part, buffer)))
