import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { installDebian } from '../../packages/infra/check/debian.ts'

/** Programs of Debian and Fedora; `chromium-headless-shell` is the smallest. */
const PROGRAMS = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome']

const installed = (): string | undefined =>
  PROGRAMS.flatMap((name) =>
    (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name)),
  ).find((path) => existsSync(path))

/**
 * Returns a program of Chromium, which it installs where that is allowed: on Debian, as root. `undefined`: none on PATH,
 * as on macOS and Windows, where playwright finds an installed Chrome by itself.
 */
export function ensureChromium(): string | undefined {
  if (installed() !== undefined || process.platform !== 'linux') return installed()
  installDebian('chromium-headless-shell')
  const program = installed()
  if (program === undefined)
    throw new Error(
      'The tests of pages need Chromium: apt-get install chromium-headless-shell, or dnf install chromium.',
    )
  return program
}

export async function startBrowser(): Promise<Browser> {
  const program = ensureChromium()
  // A sandbox cannot be made by root, and the test wrote the page.
  return program === undefined
    ? await chromium.launch({ channel: 'chrome' })
    : await chromium.launch({ executablePath: program, args: ['--no-sandbox'] })
}
