import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { cacheFolder } from '../../src/cluster/user-folders.ts'

/**
 * What the chart is tested with. `node test/helm/tools.ts` puts it into the project's cache, where Go, Python, Debian's
 * packages and their registries can be had; where not, the tests that need them are skipped and say so.
 */
const versions = { helm: '3.22.0', schemas: '1.37.0' }
const folder = cacheFolder()

/** The program, or undefined if it has not been built here. */
export function helmProgram(): string | undefined {
  const program = join(folder, `helm-${versions.helm}`, 'helm')
  return existsSync(program) ? program : undefined
}

/** Where Python finds kubernetes_validate and the schemas that it ships, or undefined if it has not been installed. */
export function schemasFolder(): string | undefined {
  const packages = join(folder, `kubernetes-validate-${versions.schemas}`)
  return existsSync(packages) ? packages : undefined
}

/** The program that runs alert rules on series: the system's, or that of Debian's package in the cache. */
export function promtoolProgram(): string | undefined {
  const onPath = (process.env.PATH ?? '').split(delimiter).map((each) => join(each, 'promtool'))
  return [...onPath, join(folder, 'promtool', 'promtool')].find(existsSync)
}

export const howToGetPromtool = "run node test/helm/tools.ts, which takes it from Debian's package prometheus"

export const howToGetThem = 'run node test/helm/tools.ts, which needs go and python3 with pip'

if (import.meta.main) {
  const script = join(import.meta.dirname, '../../scripts/chart-tools.sh')
  execFileSync('bash', [script, folder, versions.helm, versions.schemas], { stdio: 'inherit' })
  const tools = [helmProgram(), schemasFolder(), promtoolProgram()]
  if (tools.includes(undefined)) process.exitCode = 1
}
