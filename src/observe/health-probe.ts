/**
 * The image's health check: asks the process of its container for /livez or /readyz, and exits 0 or 1.
 *
 *     node health-probe.js livez|readyz
 *
 * A program of its own because it runs every few seconds: it loads nothing.
 */
import { get } from 'node:http'

const [path = 'livez'] = process.argv.slice(2)
const timeoutMs = 4_000
const { VGM_HTTP: address = '127.0.0.1:9464' } = process.env
const [, host = '127.0.0.1', port] = /^(?:(.*):)?(\d+)$/.exec(address) ?? []
const target = host === '0.0.0.0' || host === '[::]' ? '127.0.0.1' : host.replace(/^\[(.*)\]$/, '$1')

get({ host: target, port, path: `/${path}`, timeout: timeoutMs }, (response) => {
  response.setEncoding('utf8')
  response.on('data', (text) => process.stdout.write(text))
  response.on('end', () => end(response.statusCode === 200))
})
  .on('timeout', () => {
    process.stdout.write(`no answer within ${timeoutMs} ms\n`)
    end(false)
  })
  .on('error', (error: NodeJS.ErrnoException) => {
    process.stdout.write(`${error.message}\n`)
    // Commands that end by themselves serve nothing: they live as long as they run. A process that hangs still takes
    // connections.
    end(path === 'livez' && error.code === 'ECONNREFUSED')
  })

function end(isHealthy: boolean): never {
  process.exit(isHealthy ? 0 : 1)
}
