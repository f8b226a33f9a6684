import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createLog } from '#src/util/log.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const sources = ['gateway', 'ops', 'testing'].flatMap((name) =>
  readdirSync(`${root}/packages/${name}/src`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => `packages/${name}/src/${file.replaceAll('\\', '/')}`),
)

/** A number in a message, and a noun in the plural that stands there for one as well. */
const PLURAL =
  /\$\{[^{}]*\} (?:calls|requests|tokens|rows|agents|teams|processes|lines|problems|warnings|changes|entries|reports|files|seconds|records|keys|traces|messages|times|days|hours|minutes|models|pages|connections)\b/g

/** Figures that are never 1, as an expression in the source. */
const NEVER_ONE = [
  'maxReports} calls',
  'team.keys?.length} keys',
  'Math.round(hours / 24)} days',
  'notified} processes',
  'count} minutes',
  'MAX_DAYS} days',
  'above} tokens',
]

test('a message that counts says "1 call", and not "1 calls"', () => {
  const found = sources.flatMap((file) =>
    readFileSync(`${root}/${file}`, 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\*|\/\/|\/\*)/.test(line) && line.match(PLURAL) !== null)
      .filter((line) => !NEVER_ONE.some((text) => line.includes(text)))
      .map((line) => `${file}: ${line.trim()}`),
  )
  expect(found).toEqual([])
})

test('every exception to that is still in the source', () => {
  const all = sources.map((file) => readFileSync(`${root}/${file}`, 'utf8')).join('\n')
  expect(NEVER_ONE.filter((text) => !all.includes(text))).toEqual([])
})

test('a reason that ends with a full stop ends its message with one', () => {
  const lines: string[] = []
  const log = (line: string) => void lines.push(line)
  const { message } = new Error('Connection is closed.')
  createLog({ warn: log, info: log })(
    'GW_REDIS_UNAVAILABLE',
    `Redis is down: ${message}. See ../docs... or wait.`,
  )
  expect(lines).toEqual([
    '[llm-gateway] GW_REDIS_UNAVAILABLE: Redis is down: Connection is closed. See ../docs... or wait.',
  ])
})
