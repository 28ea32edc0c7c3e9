import { hostname, userInfo } from 'node:os'

/** Who runs this process, as ann@host. A container's user may have no name, and is told by its number then. */
export function ownName(): string {
  return `${userName()}@${hostname()}`
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'somebody')
  }
}
