import { type Ended, run } from '../commands/run-command.ts'

/** Runs docker; rejects with what it says if it fails. */
export async function docker(...args: string[]): Promise<string> {
  const { code, out, err } = await run('docker', args)
  if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}:\n${err}`)
  return out.trim()
}

/** The same without judging the end. */
export function tryDocker(...args: string[]): Promise<Ended> {
  return run('docker', args).catch((error: Error) => ({ code: null, out: '', err: error.message, tookMs: 0 }))
}

/**
 * Why the tests of this folder cannot run on this machine: no engine, no compose, or an image that is neither here nor
 * to be had.
 */
export async function whyNot(images: readonly string[]): Promise<string | false> {
  const version = await tryDocker('version', '--format', '{{.Server.Version}}')
  if (version.code !== 0) return `no Docker engine answers: ${version.err.trim()}`
  if ((await tryDocker('compose', 'version')).code !== 0) return '"docker compose" is not installed'
  for (const image of images) {
    if ((await tryDocker('image', 'inspect', image)).code === 0) continue
    const pulled = await tryDocker('pull', '--quiet', image)
    if (pulled.code !== 0) return `there is no image ${image}, and it cannot be pulled: ${pulled.err.trim()}`
  }
  return false
}
