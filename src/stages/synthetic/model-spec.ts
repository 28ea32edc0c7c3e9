import type { ColumnModel } from '../../mixture/column-model.ts'
import { mostDecimals } from '../../mixture/decimals.ts'
import { requireItems } from '../../require-keys.ts'
import type { RowSpec, SyntheticColumn } from './row-spec.ts'

/**
 * Rows as a fitted model has them: every modelled column by itself, a mode by its weight and a normal about its mean,
 * with as many decimals as were seen and null as often. What the model does not keep, the columns' dependence on each
 * other and the other columns, has no place in them.
 */
export function modelSpec(columns: readonly ColumnModel[]): RowSpec {
  requireItems('modelSpec', columns, ['name', 'weight', 'mean', 'std'], 'the columns of a model')
  return columns.map((column): SyntheticColumn => {
    const { name, type, weight, mean, std, rows, nulls, nullable } = column
    const parts = weight.map((_, k) => ({ weight: weight[k], mean: mean[k], std: std[k] }))
    const decimals = decimalsOf(column)
    return {
      name,
      type,
      distribution: { kind: 'mixture', parts },
      nullRate: nullable ? nulls / Math.max(1, rows + nulls) : 0,
      ...(decimals !== undefined && { decimals }),
    }
  })
}

function decimalsOf({ type, roundTo, decimals }: ColumnModel): number | undefined {
  if (type === 'int' || type === 'long') return undefined
  return roundTo ?? (decimals < mostDecimals ? decimals : undefined)
}
