import { accessSync, constants, globSync, readFileSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

/** A Java of this machine. */
export interface Java {
  /** The folder that holds `bin/java` and `release`. */
  readonly home: string
  /** The feature release: 8, 17, 25. */
  readonly feature: number
  /** The version as the Java itself writes it, such as `25.0.3` or `1.8.0_442`. */
  readonly version: string
}

/** Kafka 4 runs on 17, the registry needs 21; one Java serves both. */
export const neededJava = 21

/** Where installers put Javas, as patterns. */
export const usualJavaFolders: readonly string[] = [
  '/usr/lib/jvm/*',
  '/usr/java/*',
  '/opt/java/*',
  '/Library/Java/JavaVirtualMachines/*/Contents/Home',
  join(homedir(), 'Library/Java/JavaVirtualMachines/*/Contents/Home'),
  '/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home',
  '/usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home',
  join(homedir(), '.sdkman/candidates/java/*'),
]

/**
 * The newest Java among `JAVA_HOME`, the PATH and the usual folders; of two equally new ones the first in that order.
 *
 * @returns undefined if there is none at all; whether it is new enough is the caller's question
 */
export function newestJava(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  folders: readonly string[] = usualJavaFolders,
): Java | undefined {
  const candidates = [
    environment.JAVA_HOME,
    homeOnPath(environment.PATH),
    ...folders.flatMap((it) => globSync(it).sort()),
  ]
  return candidates
    .map((home) => (home ? javaAt(home) : undefined))
    .filter((java) => java !== undefined)
    .reduce<Java | undefined>((best, java) => (best && best.feature >= java.feature ? best : java), undefined)
}

/** Reads the folder's `release` file instead of starting a JVM: there may be a dozen folders. */
export function javaAt(home: string): Java | undefined {
  try {
    accessSync(join(home, 'bin', 'java'), constants.X_OK)
    const version = /^JAVA_VERSION="([^"]+)"/m.exec(readFileSync(join(home, 'release'), 'utf8'))?.[1]
    if (version === undefined) return undefined
    return { home: realpathSync(home), version, feature: Number.parseInt(version.replace(/^1\./, ''), 10) }
  } catch {
    return undefined
  }
}

function homeOnPath(path = ''): string | undefined {
  const folder = path.split(delimiter).find((it) => isExecutable(join(it, 'java')))
  // /usr/bin/java is a link to a link into the real home.
  return folder === undefined ? undefined : dirname(dirname(realpathSync(join(folder, 'java'))))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
