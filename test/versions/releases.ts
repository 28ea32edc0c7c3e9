import { existsSync, globSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Java, javaAt, usualJavaFolders } from '../../src/cluster/jvm/java.ts'
import { makeOwnFolder } from '../../src/cluster/own-files.ts'
import { cacheFolder } from '../../src/cluster/user-folders.ts'
import { run } from '../commands/run-command.ts'

/** What a row of the table runs on. */
export interface Releases {
  readonly kafka: string
  readonly registry: string
}

const registry = '3.3.3'

/** The last patch of each release that people still run; KRaft, one node. */
export const releases: readonly Releases[] = [
  ...['3.0.2', '3.3.2', '3.5.2', '3.7.2', '3.9.1', '4.0.1', '4.1.1', '4.4.0'].map((kafka) => ({ kafka, registry })),
  { kafka: '4.1.1', registry: '2.6.13.Final' },
]

/** Releases before Kafka 4 and Apicurio 3 run on 17; from Java 24 on the security manager is gone, which they call. */
const oldest = 17
const newestForOld = 23

/** The newest Java of this machine that both run on. @throws Error */
export function javaFor(part: 'kafka' | 'registry', version: string): Java {
  const isOld = Number(version.split('.')[0]) < (part === 'kafka' ? 4 : 3)
  const homes = [process.env.JAVA_HOME ?? '', ...usualJavaFolders.flatMap((pattern) => globSync(pattern))]
  const [java] = homes
    .flatMap((home) => javaAt(home) ?? [])
    .filter(({ feature }) => feature >= oldest && (!isOld || feature <= newestForOld))
    .sort((a, b) => b.feature - a.feature)
  if (java === undefined) throw new Error(`${part} ${version} needs a Java from ${oldest} to ${newestForOld}`)
  return java
}

/** The folder with the jars of a Kafka release, fetched through Maven unless it is in the cache. */
export function kafkaJars(version: string): Promise<string> {
  return fetched(`kafka-${version}`, (folder) => [
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${folder}`,
    ...pom(
      folder,
      dependency('org.apache.kafka', 'kafka_2.13', version) + dependency('org.slf4j', 'slf4j-simple', '1.7.36'),
    ),
  ])
}

/** The jar that starts a release of Apicurio Registry, likewise. */
export async function registryJar(version: string): Promise<string> {
  const folder = await fetched(`apicurio-${version}`, (to) => [
    'dependency:unpack',
    `-Dartifact=io.apicurio:apicurio-registry-app:${version}:tar.gz:all`,
    `-DoutputDirectory=${to}`,
    ...pom(to, ''),
  ])
  const [jar] = globSync(join(folder, '{quarkus-run.jar,*-runner.jar}'))
  return jar
}

async function fetched(name: string, goal: (folder: string) => readonly string[]): Promise<string> {
  const cache = join(cacheFolder(), 'releases')
  makeOwnFolder(cache)
  const folder = join(cache, name)
  if (existsSync(folder)) return folder
  process.stderr.write(`Fetching ${name} through Maven\n`)
  const unfinished = `${folder}.unfinished-${process.pid}`
  mkdirSync(unfinished, { mode: 0o700 })
  const { code, out, err } = await run('mvn', ['-q', '-B', '-Dstyle.color=never', ...goal(unfinished)])
  if (code !== 0) throw new Error(`Maven fetched no ${name}:\n${out}${err}`)
  rmSync(join(unfinished, 'pom.xml'))
  rmSync(join(unfinished, 'target'), { recursive: true, force: true })
  renameSync(unfinished, folder)
  return folder
}

function dependency(group: string, artifact: string, version: string): string {
  const ids = `<groupId>${group}</groupId><artifactId>${artifact}</artifactId>`
  return `<dependency>${ids}<version>${version}</version></dependency>`
}

function pom(folder: string, dependencies: string): string[] {
  const file = join(folder, 'pom.xml')
  writeFileSync(
    file,
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
     <groupId>io.vgmstream</groupId><artifactId>releases</artifactId><version>1</version><packaging>pom</packaging>
     <dependencies>${dependencies}</dependencies></project>`,
  )
  return ['-f', file]
}
