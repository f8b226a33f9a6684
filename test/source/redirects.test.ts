import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const sources = ['gateway', 'ops'].flatMap((name) =>
  readdirSync(`${root}/packages/${name}/src`, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => ({ path, text: readFileSync(`${root}/packages/${name}/src/${path}`, 'utf8') })),
)
/** Requests of callers, whose redirects `upstream/egress-init.ts` decides on. */
const CALLERS = /^upstream[\\/]request\.ts$/
/** A call of the global `fetch` outside of comments, with what follows: its options are among that. */
const CALL = /^(?!\s*[/*]).*(?<![.\w])(?:globalThis\.)?fetch\((?=([\s\S]{0,300}))/gm

test('each request of our own says what becomes of a redirect: it may lose a body, and takes keys to any origin', () => {
  const calls = sources
    .filter(({ path }) => !CALLERS.test(path))
    .flatMap(({ path, text }) => [...text.matchAll(CALL)].map(([, call = '']) => ({ path, call })))
  expect(calls.length).toBeGreaterThanOrEqual(7)
  expect(calls.filter(({ call }) => !/redirect: '(manual|error|follow)'/.test(call))).toEqual([])
})

test('a redirect is followed only where nothing secret is sent, and nothing is written', () => {
  const following = sources.filter(({ text }) => text.includes("redirect: 'follow'")).map(({ path }) => path)
  expect(following.map((path) => path.replaceAll('\\', '/')).toSorted()).toEqual([
    'monitor/heartbeat.ts',
    'semantic/embedding/onnx/hub.ts',
  ])
})
