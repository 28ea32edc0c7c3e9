import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/** The browser of this machine; undefined if there is none. `VGM_CHROMIUM` names one that must be there. */
export function chromiumPath(): string | undefined {
  const { VGM_CHROMIUM, PATH = '' } = process.env
  if (VGM_CHROMIUM) return VGM_CHROMIUM
  const all = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)))
  return all.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Why the tests in a browser do not run here, for their option `skip`. */
export const withoutChromium =
  chromiumPath() === undefined && 'no Chromium on the PATH: apt-get install chromium, or name one in VGM_CHROMIUM'

export function launchChromium(): Promise<Browser> {
  // Its sandbox needs a user that is not root, which a container of CI has not.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  // Without one, it draws with the processor anyway, and by a longer way.
  args.push('--disable-gpu', '--disable-dev-shm-usage')
  return chromium.launch({ executablePath: chromiumPath() ?? '', args })
}
