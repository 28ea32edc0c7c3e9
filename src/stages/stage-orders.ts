import type { PaceLimits } from './pace.ts'

/** What operators can tell the members of a group. */
const orderKinds = ['paused', 'rate'] as const
export type OrderKind = (typeof orderKinds)[number]

/** Who has given an order, and when. */
interface OrderOrigin {
  /** as ann@host */
  readonly by: string
  /** ISO 8601 */
  readonly at: string
}

export interface PauseOrder extends OrderOrigin {
  readonly paused: boolean
}

export interface RateOrder extends OrderOrigin {
  /** of all members together; null for no limit */
  readonly rowsPerSecond: number | null
}

/** The last order of each kind for one group. */
export interface StageOrders {
  readonly paused?: PauseOrder | undefined
  readonly rate?: RateOrder | undefined
}

export const noOrders: StageOrders = {}

/**
 * Key of a record of the control topic. Each kind has its own, so that one operator's pause and another one's rate
 * cannot undo each other. Keys and values are JSON text, as those of the positions topic.
 *
 * @example orderKey('vgm.trips.normalize', 'paused') // '["vgm.trips.normalize","paused"]'
 */
export function orderKey(group: string, kind: OrderKind): string {
  return JSON.stringify([group, kind])
}

export function orderValue(order: PauseOrder | RateOrder): string {
  return JSON.stringify(order)
}

/** The group and the kind that a key names; undefined for another text. */
export function parseOrderKey(text: string): { readonly group: string; readonly kind: OrderKind } | undefined {
  const parts = parsed(text)
  if (!Array.isArray(parts) || parts.length !== 2 || typeof parts[0] !== 'string') return undefined
  const kind = orderKinds.find((each) => each === parts[1])
  return kind && { group: parts[0], kind }
}

/** The orders after one more record; those before if it is none of ours. @param value undefined takes the order back */
export function withOrder(before: StageOrders, kind: OrderKind, value: string | undefined): StageOrders {
  if (value === undefined) return { ...before, [kind]: undefined }
  const order = parsed(value)
  if (order === null || typeof order !== 'object') return before
  const { by = '', at = '', paused, rowsPerSecond } = order as Partial<PauseOrder & RateOrder>
  if (typeof by !== 'string' || typeof at !== 'string') return before
  if (kind === 'paused') return typeof paused === 'boolean' ? { ...before, paused: { paused, by, at } } : before
  const isRate = rowsPerSecond === null || (Number.isSafeInteger(rowsPerSecond) && Number(rowsPerSecond) > 0)
  return isRate ? { ...before, rate: { rowsPerSecond: rowsPerSecond as number | null, by, at } } : before
}

/** What orders, and the rate that a stage was started with, let its members do. */
export function paceLimits({ paused, rate }: StageOrders, maxRate: number | undefined): PaceLimits {
  const rates = [rate?.rowsPerSecond, maxRate].filter((each) => typeof each === 'number')
  return { isPaused: paused?.paused === true, rowsPerSecond: rates.length === 0 ? undefined : Math.min(...rates) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
