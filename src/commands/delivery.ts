import { Option } from 'commander'
import { deliveries } from '../ports/log.ts'

export function deliveryOption(): Option {
  return new Option(
    '--delivery <guarantee>',
    'without transactions rows are visible at once, and doubled where a member fails',
  )
    .choices(deliveries)
    .default('exactly-once')
}
