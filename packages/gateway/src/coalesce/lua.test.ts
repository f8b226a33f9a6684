import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const here = fileURLToPath(new URL('.', import.meta.url))
const scripts = readdirSync(here).filter((name) => name.endsWith('.lua'))

test.each(scripts)(
  'the header of %s names what the script reads and what it answers, and no more',
  (name) => {
    const text = readFileSync(`${here}${name}`, 'utf8')
    const [header = '', ...rest] = text.split(/^(?!--)/m)
    const code = rest.join('')
    const inputs = /^-- Input:\n((?:-- {3}.*\n)+)/m.exec(header)?.[1] ?? ''
    const outputs = /^-- Output:\n((?:-- {3}.*\n?)+)/m.exec(header)?.[1] ?? ''
    const names = (pattern: RegExp, where: string) =>
      new Set([...where.matchAll(pattern)].map(([, name]) => name))
    expect(names(/^-- {3}((?:KEYS|ARGV)\[\d+\]) {3}\S/gm, inputs)).toEqual(
      names(/((?:KEYS|ARGV)\[\d+\])/g, code),
    )
    expect(names(/^-- {3}(\S+) {2}\S/gm, outputs)).toEqual(names(/\breturn (\S+)/g, code))
  },
)
