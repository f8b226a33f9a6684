import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { expect } from 'vitest'

export type Look = {
  width: number
  height: number
  colorScheme?: 'light' | 'dark'
  isPrint?: boolean
}

/** Opens a file in a browser, and fails at any line on its console, any error, any dialog, and any request for another file. */
export async function lookAt<T>(
  browser: Browser,
  file: string,
  { width, height, colorScheme = 'light', isPrint = false }: Look,
  see: (page: Page) => Promise<T>,
): Promise<T> {
  const address = pathToFileURL(file).href
  const page = await browser.newPage({ viewport: { width, height }, colorScheme })
  const trouble: string[] = []
  page.on('console', (message) => trouble.push(`console: ${message.text()}`))
  page.on('pageerror', (error) => trouble.push(String(error)))
  page.on('dialog', (dialog) => {
    trouble.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => {
    if (request.url() !== address) trouble.push(`request: ${request.url()}`)
  })
  try {
    if (isPrint) await page.emulateMedia({ media: 'print' })
    await page.goto(address)
    const seen = await see(page)
    expect(trouble).toEqual([])
    return seen
  } finally {
    await page.close()
  }
}
