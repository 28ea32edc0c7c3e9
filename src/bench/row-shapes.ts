import { orderColumns } from './orders.ts'

/** Of what rows are made; each shape is a data set with a raw topic and a model of its own. */
export const rowShapes = ['oneDouble', 'tenColumns', 'flights', 'orders'] as const
export type RowShape = (typeof rowShapes)[number]

export const datasetOf: Readonly<Record<RowShape, string>> = {
  oneDouble: 'bench-one-double',
  tenColumns: 'bench-ten-columns',
  flights: 'bench-flights',
  orders: 'bench-orders',
}

/** Where not all numbers are modelled: which are. */
export const modelledColumns: Readonly<Partial<Record<RowShape, readonly string[]>>> = { orders: orderColumns }

export const partitions = 4

/** Ten modes, so that each program has ten scores to compare. */
export const modeMeans = Array.from({ length: 10 }, (_, k) => 9 * k - 40)
const mixture = `mixture(${modeMeans.map((mean) => `0.1:${mean}:1`).join(',')})`

/** 13 bytes with magic byte and schema id. */
export const oneDoubleSpec = `amount:double=${mixture}`
/** 85 bytes. */
export const tenColumnsSpec = Array.from({ length: 10 }, (_, c) => `x${c}:double=${mixture}`).join(';')
/** Of files: a price, a whole number and a double with all its digits. */
export const fileSpec =
  'price:double=lognormal(3,1)|decimals(2);age:int=normal(40,12);speed:double=mixture(0.7:5:1,0.3:20:4)'
