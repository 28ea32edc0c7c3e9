import { Option } from 'commander'
import { commonOption } from '../config/setting.ts'
import { parseLimit } from '../config/value-parsers.ts'

export function clipOption(description = 'cut values off there, as CTGAN does at 0.99'): Option {
  return commonOption(
    new Option('--clip <magnitude>', description).argParser(parseLimit).default(Infinity, 'not at all'),
  )
}
