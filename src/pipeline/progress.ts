/** Told how far the work is: rows read so far, and how many there will be about, where that is known. */
export type OnProgress = (rows: number, of?: number) => void

export const noProgress: OnProgress = () => undefined
