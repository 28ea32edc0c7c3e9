import { parentPort } from 'node:worker_threads'
import { type FitColumnTask, fitColumn } from './fit-column.ts'

// This module is the main program of a thread that fits columns, one after the other as they are asked for.

parentPort?.on('message', (task: FitColumnTask) => parentPort?.postMessage(fitColumn(task)))
