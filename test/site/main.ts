// Builds the documentation site and looks at it in Chromium: `npm run test:site`. With `--pictures FOLDER` it keeps what it
// saw. Ends with 1 if something does not hold.
import { deepEqual, equal, ok } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Page } from 'playwright-core'
import { startBrowser } from '../report/browser.ts'

const { values } = parseArgs({ options: { pictures: { type: 'string' } } })
const folder = mkdtempSync(join(tmpdir(), 'gateway-site-'))
const builder = fileURLToPath(new URL('../../build/site/main.ts', import.meta.url))
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}
const SIZES = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } }

let passed = 0
let failed = 0
async function check(name: string, run: () => unknown): Promise<void> {
  try {
    await run()
    passed += 1
    console.log(`ok      ${name}`)
  } catch (error) {
    failed += 1
    console.log(`FAILED  ${name}`)
    console.error(error)
  }
}

execFileSync(process.execPath, [builder, '--out', folder], { stdio: ['ignore', 'ignore', 'inherit'] })
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.html'),
)
const html = new Map(files.map((name) => [name, readFileSync(join(folder, name), 'utf8')]))

await check(`each link of ${html.size} pages leads to a page, and to a heading of it`, () => {
  ok(html.size > 30)
  const broken: string[] = []
  for (const [name, text] of html)
    for (const [, target = ''] of text.matchAll(/<a[^>]* href="((?!https?:|mailto:)[^"]+)"/g)) {
      const { pathname, hash } = new URL(target, `http://site/${name}`)
      const to = decodeURIComponent(pathname)
        .slice(1)
        .replace(/(^|\/)$/, '$1index.html')
      const anchor = decodeURIComponent(hash).slice(1)
      const page = html.get(to)
      const isThere =
        page === undefined ? existsSync(join(folder, to)) : anchor === '' || page.includes(`id="${anchor}"`)
      if (!isThere) broken.push(`${name}: ${target}`)
    }
  deepEqual(broken, [])
})

const server = createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname.replace(/\/$/, '/index.html')
  const file = join(folder, decodeURIComponent(path))
  const isThere = existsSync(file)
  response.writeHead(isThere ? 200 : 404, { 'content-type': TYPES[extname(file)] ?? 'text/plain' })
  response.end(isThere ? readFileSync(file) : 'not found')
})
await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const browser = await startBrowser()
try {
  for (const [size, viewport] of Object.entries(SIZES))
    for (const scheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ viewport, colorScheme: scheme })
      const complaints: string[] = []
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
      })
      page.on('pageerror', (error) => complaints.push(error.message))
      for (const name of ['index', 'policy', 'semantic-cache', 'sdks/langchain', 'api/index'])
        await check(`${name}: ${size}, ${scheme}`, () => looked(page, name, { size, scheme, complaints }))
      await page.close()
    }
  await check('the search finds a page by a code of a refusal, and opens it', searched)
} finally {
  await browser.close()
  server.close()
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed, 0 skipped`)
process.exitCode = failed === 0 ? 0 : 1

async function looked(
  page: Page,
  name: string,
  { size, scheme, complaints }: { size: string; scheme: string; complaints: string[] },
): Promise<void> {
  await page.goto(`${base}/${name}.html`)
  await page.waitForSelector('main h1')
  await page.waitForFunction(() => document.querySelector('.VPNavBarSearch') !== null)
  const isDark = await page.evaluate(() => document.documentElement.classList.contains('dark'))
  equal(isDark, scheme === 'dark')
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  ok(wider <= 0, `${wider} px wider than the window`)
  if (values.pictures !== undefined)
    await page.screenshot({ path: join(values.pictures, `${name.replace('/', '-')}-${size}-${scheme}.png`) })
  deepEqual(complaints.splice(0), [])
}

async function searched(): Promise<void> {
  const page = await browser.newPage({ viewport: SIZES.desk })
  await page.goto(`${base}/modes.html`)
  await page.click('.VPNavBarSearch button')
  await page.fill('.VPLocalSearchBox input', 'gateway_rpm_exceeded')
  const result = page.locator('.VPLocalSearchBox .result[href$="policy.html#refusals"]')
  await result.waitFor()
  if (values.pictures !== undefined) await page.screenshot({ path: join(values.pictures, 'search.png') })
  await result.click()
  await page.waitForFunction(
    () =>
      location.pathname.endsWith('/policy.html') &&
      document.querySelector('main')?.textContent?.includes('gateway_rpm_exceeded'),
  )
  await page.close()
}
