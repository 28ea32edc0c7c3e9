import type { Socket } from 'node:net'

/** Where a socket's bytes go, without memory of the socket's own. */
export interface SocketReads {
  /** to be written to; asked for after each read */
  readonly room: () => Buffer
  /** gets the part of it that was written to */
  readonly take: (filled: Buffer) => void
}

/** What the option `onread` of net.Socket sets, by the names that Node gives it. */
const names = ['kBuffer', 'kBufferGen', 'kBufferCb'] as const

/**
 * Has an open socket write to memory of ours, as `onread` of net.Socket does for sockets that one makes oneself: the
 * client's have no such option. Otherwise Node allocates 64 KiB for each read, which half of the time of a fetch goes to.
 *
 * @returns false if this Node has another name for it; then there are 'data' events as ever
 */
export function readTo(socket: Socket, { room, take }: SocketReads): boolean {
  const symbols = Object.getOwnPropertySymbols(socket)
  const [buffer, generator, callback] = names.map((name) => symbols.find(({ description }) => description === name))
  const opened = socket as unknown as Record<symbol, unknown> & { _handle?: { useUserBuffer?(room: Buffer): void } }
  const handle = opened._handle
  if (buffer === undefined || generator === undefined || callback === undefined) return false
  if (handle?.useUserBuffer === undefined) return false
  const first = room()
  opened[buffer] = first
  opened[generator] = room
  opened[callback] = (count: number, room: Buffer) => take(room.subarray(0, count))
  handle.useUserBuffer(first)
  return true
}
