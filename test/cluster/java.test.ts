import { deepEqual, equal } from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { javaAt, newestJava } from '../../src/cluster/jvm/java.ts'

suite('the Java for a local cluster', () => {
  test('is the newest of JAVA_HOME, the PATH and the usual folders', (t) => {
    const folder = temporaryFolder(t)
    const old = fakeJava(join(folder, 'named'), '17.0.15')
    const middle = fakeJava(join(folder, 'on-path'), '21.0.7')
    const newest = fakeJava(join(folder, 'jvm', 'temurin'), '25.0.3')
    const environment = { JAVA_HOME: old, PATH: join(middle, 'bin') }
    equal(newestJava(environment, [join(folder, 'jvm', '*')])?.home, newest)
    equal(newestJava(environment, [])?.home, middle)
    equal(newestJava({ JAVA_HOME: old }, [])?.home, old)
  })

  test('is the one of JAVA_HOME if another is equally new', (t) => {
    const folder = temporaryFolder(t)
    const named = fakeJava(join(folder, 'named'), '21.0.1')
    fakeJava(join(folder, 'jvm', 'other'), '21.0.9')
    equal(newestJava({ JAVA_HOME: named }, [join(folder, 'jvm', '*')])?.home, named)
  })

  test('is found through the link that a package manager puts on the PATH', (t) => {
    const folder = temporaryFolder(t)
    const home = fakeJava(join(folder, 'jvm', 'java-21'), '21')
    mkdirSync(join(folder, 'bin'))
    symlinkSync(join(home, 'bin', 'java'), join(folder, 'bin', 'java'))
    deepEqual(newestJava({ PATH: `${join(folder, 'nowhere')}:${join(folder, 'bin')}` }, []), {
      home,
      version: '21',
      feature: 21,
    })
  })

  test('does not exist where nothing is installed', () => {
    equal(newestJava({}, []), undefined)
    equal(newestJava({ JAVA_HOME: '/nowhere', PATH: '/nowhere' }, ['/nowhere/*']), undefined)
  })

  test('of before version 9 counts by its second number', (t) => {
    const home = fakeJava(join(temporaryFolder(t), 'jdk8'), '1.8.0_442')
    equal(javaAt(home)?.feature, 8)
  })
})

function temporaryFolder(t: TestContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'vgm-test-')))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A folder that looks like a Java of this version. */
function fakeJava(home: string, version: string): string {
  mkdirSync(join(home, 'bin'), { recursive: true })
  writeFileSync(join(home, 'bin', 'java'), '')
  chmodSync(join(home, 'bin', 'java'), 0o755)
  writeFileSync(join(home, 'release'), `IMPLEMENTOR="Nobody"\nJAVA_VERSION="${version}"\n`)
  return home
}
