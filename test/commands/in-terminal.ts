import { spawn } from 'node:child_process'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../../src/main.ts')

/** A terminal of 80 columns and 24 lines, by Python's pty: the only one that every machine has. */
const terminal = `
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
while True:
    try:
        chunk = os.read(fd, 65536)
    except OSError:
        break
    if not chunk:
        break
    os.write(1, chunk)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

export interface Shown {
  readonly code: number | null
  /** all that was written to the terminal */
  readonly text: string
}

/** Runs `vgm` in a terminal: standard output and standard error are the same one. */
export function vgmInTerminal(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Shown> {
  return inTerminal([process.execPath, main, ...args], environment)
}

export function inTerminal(command: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Shown> {
  const env = { ...process.env, TERM: 'xterm', ...environment }
  const child = spawn('python3', ['-c', terminal, ...command], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, text: text.replaceAll('\r\n', '\n') }))
  })
}
