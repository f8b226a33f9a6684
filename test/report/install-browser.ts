import { ensureChromium } from './browser.ts'

/** Installs Chromium before the tests run, since no two tests can install packages at the same time. */
console.log(ensureChromium() ?? 'Chrome, as playwright finds it')
