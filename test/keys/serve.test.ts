import { createHash } from 'node:crypto'
import { request } from 'node:http'
import type { Policy } from '@hotdash/llm-gateway'
import { newTeamKey, openVault } from '@hotdash/llm-gateway/custody'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { runs } from '../runs.ts'
import { createCleanup, serve, UPSTREAM_KEY } from '../serve/kit.ts'
import { ask } from '../support.ts'
import { type Origins, saidIn, startOrigins } from './origins.ts'

// The same invariant over HTTP: the server's key reaches only its upstream, and the keys of its callers reach no origin,
// however a request is addressed and wherever upstream redirects it.

const SEALED = 'sk-sealed-0123456789-abcdefghijklm'
const KEYS = { a: newTeamKey(), b: 'sk-team-b-0123456789abcdefghijkl' }
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const policy: Policy = {
  models: { 'gpt-4o-mini': { input: 0.15, output: 0.6 } },
  teams: {
    a: { agents: ['support'], keys: [sha256(KEYS.a)] },
    b: { agents: ['seo'], keys: [sha256(KEYS.b)] },
  },
  cache: { exact: false },
}

const cleanup = createCleanup()
let redis: RedisServer
let origins: Origins
let at: { home: string; other: string; alias: string }
/** One with a key of its own, and one that opens what is sealed in Redis. */
let ports: number[]

beforeAll(async () => {
  redis = await startRedis()
  cleanup.after(() => redis.close())
  origins = await startOrigins(2)
  cleanup.after(() => origins.close())
  const [home, other] = origins.ports
  at = {
    home: `http://127.0.0.1:${home}`,
    other: `http://127.0.0.1:${other}`,
    alias: `http://localhost:${home}`,
  }
  const masterKey = newTeamKey()
  const vault = openVault({ redis: redis.url, masterKey })
  for (const [team, teamKey] of Object.entries(KEYS)) await vault.seal({ team, teamKey, upstreamKey: SEALED })
  vault.close()
  const upstream = `${at.home}/v1`
  const servers = await Promise.all([
    serve(cleanup, { upstream, policy }),
    serve(cleanup, { upstream, policy, env: { OPENAI_API_KEY: '', LLM_GATEWAY_REDIS_URL: redis.url } }),
  ])
  ports = servers.map(({ port }) => port)
})
afterEach(() => origins.redirectNext(undefined))
afterAll(() => cleanup.run())

const key = fc.constantFrom(KEYS.a, KEYS.b, 'sk-of-the-callers-own-0123456789')
const seldom = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 3 })
const place = fc.constantFrom('home', 'other', 'alias')
type Asked = typeof asked extends fc.Arbitrary<infer T> ? T : never
const asked = fc.record({
  server: fc.nat(1),
  /** What the request line names: a path, or an address of another host. */
  target: fc.constantFrom('path', 'other', 'home'),
  host: seldom(place),
  path: fc.constantFrom(
    '/v1/chat/completions',
    '/v1/responses',
    '/v1/models',
    '/v1/moderations',
    '/v1/../v1/models',
  ),
  query: seldom(key.map((key) => `?api-key=${key}`)),
  authorization: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(KEYS.a, KEYS.b) },
    { weight: 1, arbitrary: key },
  ),
  headers: fc.record({
    'api-key': seldom(key),
    'x-api-key': seldom(key),
    'x-litellm-api-key': seldom(key),
    'x-gateway-token': seldom(key),
    'x-custom': seldom(key),
    cookie: seldom(key.map((key) => `a=${key}`)),
    'x-forwarded-host': seldom(place),
    'openai-organization': seldom(fc.constant('org-of-a-caller')),
  }),
  member: seldom(fc.constantFrom('api_key', 'api_base', 'base_url', 'extra_headers')),
  redirect: seldom(fc.record({ status: fc.constantFrom(301, 302, 303, 307, 308), to: place })),
  status: fc.constantFrom(200, 200, 401, 503),
})

/** Plain requests to each server, beside the generated ones: a run of few cases may hold none that is sent upstream. */
const PLAIN = [KEYS.a, KEYS.b, KEYS.a].flatMap((authorization) =>
  [0, 1].map((server): [Asked] => [
    {
      server,
      target: 'path',
      host: undefined,
      path: '/v1/chat/completions',
      query: undefined,
      authorization,
      headers: {
        'api-key': undefined,
        'x-api-key': undefined,
        'x-litellm-api-key': undefined,
        'x-gateway-token': undefined,
        'x-custom': undefined,
        cookie: undefined,
        'x-forwarded-host': undefined,
        'openai-organization': undefined,
      },
      member: undefined,
      redirect: undefined,
      status: 200,
    },
  ]),
)

/** Sends a request unchanged, with any target and host. */
const sent = (port: number, path: string, headers: Record<string, string>, body: string) =>
  new Promise<number>((resolve) => {
    const going = request({ port, path, method: body === '' ? 'GET' : 'POST', headers }, (response) => {
      response.resume().on('close', () => resolve(response.statusCode ?? 0))
    })
    going.on('error', () => resolve(0))
    going.end(body)
  })

test('through a server no key reaches an origin that is not its own', {
  timeout: 180_000 * runs(1),
}, async () => {
  const seen = { asked: 0, own: 0, sealed: 0 }
  await fc.assert(
    fc.asyncProperty(asked, async (it) => {
      origins.books.length = 0
      origins.redirectNext(it.redirect && { status: it.redirect.status, to: at[it.redirect.to] })
      origins.answerWith(it.status)
      const origin = it.target === 'path' ? '' : at[it.target]
      const own = Object.entries(it.headers).filter(
        (header): header is [string, string] => header[1] !== undefined,
      )
      const headers = {
        ...Object.fromEntries(
          own.map(([name, value]) => [
            name,
            name === 'x-forwarded-host' ? new URL(at[value as 'home']).host : value,
          ]),
        ),
        authorization: `Bearer ${it.authorization}`,
        'content-type': 'application/json',
        ...(it.host && { host: new URL(at[it.host]).host }),
      }
      const member =
        it.member === undefined ? {} : { [it.member]: it.member === 'api_key' ? KEYS.a : `${at.other}/v1` }
      const isRead = it.path.endsWith('models')
      const body = isRead ? '' : JSON.stringify({ ...ask('a question'), input: 'a question', ...member })
      await sent(ports[it.server] ?? 0, `${origin}${it.path}${it.query ?? ''}`, headers, body)
      for (const received of origins.books) {
        const said = saidIn(received)
        seen.asked += 1
        for (const [name, key] of [
          ['own', UPSTREAM_KEY],
          ['sealed', SEALED],
        ] as const) {
          if (!said.includes(key)) continue
          seen[name] += 1
          expect(received.origin, said).toBe(at.home)
        }
        for (const key of Object.values(KEYS)) expect(said).not.toContain(key)
        expect(said).not.toMatch(/x-gateway-|org-of-a-caller/i)
      }
    }),
    { numRuns: runs(200) + PLAIN.length, examples: PLAIN },
  )
  // What is refused every time would prove nothing.
  expect(seen.asked).toBeGreaterThan(runs(200) / 20)
  expect(seen.own).toBeGreaterThan(2)
  expect(seen.sealed).toBeGreaterThan(2)
})
