/** Receives the progress: the rows read so far, and the estimated total if it is known. */
export type OnProgress = (rows: number, of?: number) => void

export const noProgress: OnProgress = () => undefined
