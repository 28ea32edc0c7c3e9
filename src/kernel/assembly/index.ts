export { decode, transform } from './rows'
export { summarize } from './summary'
export { walk } from './walk'
