export { decode, transform } from './rows'
export { walk } from './walk'
