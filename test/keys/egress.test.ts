import { createHash } from 'node:crypto'
import { createGateway, createGatewayClient, type GatewayOptions, type Policy } from '@hotdash/llm-gateway'
import { newTeamKey, openVault } from '@hotdash/llm-gateway/custody'
import fc from 'fast-check'
import OpenAI, { AzureOpenAI } from 'openai'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type RedisServer, startRedis } from '../redis/server.ts'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { naive, type Origins, saidIn, startOrigins } from './origins.ts'
import { KEYS, PLACEHOLDER, request } from './requests.ts'

const RUNS = runs(300)

const REAL = 'sk-upstream-0123456789-abcdefghijklmnop'

let redis: RedisServer
let origins: Origins
let at: { home: string; other: string; proxy: string; alias: string }
const closing: (() => unknown)[] = []

beforeAll(async () => {
  vi.stubEnv('OPENAI_API_KEY', '')
  redis = await startRedis()
  origins = await startOrigins(3)
  const [home, other, proxy] = origins.ports
  at = {
    home: `http://127.0.0.1:${home}`,
    other: `http://127.0.0.1:${other}`,
    proxy: `http://127.0.0.1:${proxy}`,
    // The same server under another name is another origin.
    alias: `http://localhost:${home}`,
  }
  const vault = openVault({ redis: redis.url, masterKey: newTeamKey() })
  await vault.seal({ team: 'a', teamKey: KEYS.a, upstreamKey: REAL })
  await vault.seal({ team: 'b', teamKey: KEYS.b, upstreamKey: REAL })
  vault.close()
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await origins.close()
  await redis.close()
})
beforeEach(() => {
  vi.spyOn(console, 'warn').mockReturnValue()
  origins.books.length = 0
  origins.redirectNext(undefined)
  origins.answerWith(200)
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const close of closing.splice(0).toReversed()) await close()
})

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

const policy: Policy = {
  models: { 'gpt-4o-mini': { input: 0.15, output: 0.6 } },
  teams: {
    a: { agents: ['support'], keys: [sha256(KEYS.a)] },
    b: { agents: ['seo'], keys: [sha256(KEYS.b)] },
  },
}

const options = (some: GatewayOptions = {}): GatewayOptions => ({
  agent: 'support',
  key: KEYS.a,
  policy,
  redis: redis.url,
  cache: false,
  metrics: false,
  deadlines: { redisMs: 5_000, connectMs: 5_000 },
  ...some,
})

const litellm = () => ({ baseURL: at.proxy, afterFailures: 1 })

/** Gateways of each kind, as a `fetch`. */
function fetches(transport: typeof fetch | undefined): Record<string, typeof fetch> {
  const own = transport === undefined ? {} : { fetch: transport }
  const made = (some: GatewayOptions) => {
    const gateway = createGateway({ ...options(some), ...own })
    closing.push(() => gateway.close(0))
    return gateway.fetch
  }
  const client = createGatewayClient({
    baseURL: `${at.home}/v1`,
    maxRetries: 0,
    gateway: options({ litellm: false }),
    ...own,
  })
  closing.push(() => client.gateway.close(0))
  const custody = { origin: at.home }
  return {
    custody: made({ custody, litellm: false }),
    'custody, straight': made({ custody, mode: 'direct' }),
    'custody, with a way out': made({ custody, litellm: litellm() }),
    'no custody': made({ litellm: false }),
    'no custody, straight': made({ mode: 'direct' }),
    proxied: made({ mode: 'litellm', litellm: litellm() }),
    'a client': (client as unknown as { fetch: typeof fetch }).fetch,
  }
}

test('no key reaches an origin that is not its own, whichever way a request goes', async () => {
  const ways = { plain: Object.values(fetches(undefined)), naive: Object.values(fetches(naive)) }
  let [asked, keyed, teamKeyed] = [0, 0, 0]
  await fc.assert(
    fc.asyncProperty(request, async (it) => {
      origins.books.length = 0
      origins.redirectNext(it.redirect && { status: it.redirect.status, to: at[it.redirect.to] })
      origins.answerWith(it.status)
      const send = (it.isNaive ? ways.naive : ways.plain)[it.gateway] ?? fetch
      const address = new URL(at[it.place] + it.path)
      if (it.user !== undefined) address.username = it.user
      const tail = it.query === undefined ? '' : `${address.search === '' ? '?' : '&'}${it.query}`
      const url = `${address.href}${tail}`
      const init: RequestInit = {
        method: it.method,
        headers: { 'content-type': 'application/json', ...it.headers },
      }
      if (it.method === 'POST') init.body = JSON.stringify(ask('a question'))
      const args: Parameters<typeof fetch> =
        it.asRequest && it.user === undefined ? [new Request(url, init)] : [url, init]
      await send(...args).then(
        (response) => response.arrayBuffer(),
        () => undefined,
      )
      for (const received of origins.books) {
        const said = saidIn(received)
        asked += 1
        if (said.includes(REAL)) {
          keyed += 1
          expect(received.origin, said).toBe(at.home)
        }
        for (const key of [KEYS.a, KEYS.b, PLACEHOLDER]) {
          if (!said.includes(key)) continue
          teamKeyed += 1
          expect(received.origin, said).toBe(at.proxy)
        }
        expect(said).not.toMatch(/x-gateway-/i)
      }
    }),
    { numRuns: RUNS },
  )
  // What is refused every time would prove nothing.
  expect(asked).toBeGreaterThan(RUNS / 5)
  expect(keyed).toBeGreaterThan(RUNS < 300 ? 0 : RUNS / 20)
  expect(teamKeyed).toBeGreaterThan(RUNS < 300 ? 0 : RUNS / 50)
})

const codeOf = async (answer: Promise<Response>) => {
  const response = await answer
  const { error } = (await response.json()) as { error?: { code: string; message: string } }
  return { status: response.status, code: error?.code, message: error?.message }
}
const post = (headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(ask('a')),
})
const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

test('another host gets no key kept in Redis, and the refusal names the field', async () => {
  const { custody = fetch } = fetches(undefined)
  for (const headers of [{}, bearer(KEYS.a), bearer(PLACEHOLDER)])
    for (const path of ['/v1/chat/completions', '/v1/models']) {
      const { status, code, message } = await codeOf(custody(`${at.other}${path}`, post(headers)))
      expect([status, code]).toEqual([403, 'gateway_key_strays'])
      expect(message).toMatch(/gateway\.(custody\.origin|custody)/)
    }
  expect(origins.books).toEqual([])
})

test('of two team keys, the one in x-gateway-token opens, and neither leaves', async () => {
  const { custody = fetch } = fetches(undefined)
  for (const [shown, token] of [
    [KEYS.a, KEYS.b],
    [KEYS.b, KEYS.a],
    [KEYS.b, undefined],
  ] as const) {
    const headers = { ...bearer(shown), ...(token && { 'x-gateway-token': token }) }
    expect((await custody(`${at.home}/v1/chat/completions`, post(headers))).status).toBe(200)
  }
  expect(origins.books.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill(`Bearer ${REAL}`))
})

test('a deployment is asked with the key, in the header that its client fills', async () => {
  const { custody = fetch } = fetches(undefined)
  const azure = new AzureOpenAI({
    apiKey: KEYS.a,
    endpoint: at.home,
    apiVersion: '2024-10-21',
    deployment: 'gpt-4o-mini',
    fetch: custody,
    maxRetries: 0,
  })
  await azure.chat.completions.create(ask('a'))
  const [received] = origins.books
  expect(received?.url).toBe('/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21')
  expect(received?.headers['api-key']).toBe(REAL)
  expect(received?.headers.authorization).toBeUndefined()
})

test('without custody a team key in the place of a key is refused, and not sent', async () => {
  const { 'no custody': governed = fetch, 'no custody, straight': straight = fetch } = fetches(undefined)
  for (const send of [governed, straight])
    for (const [url, init] of [
      [`${at.home}/v1/chat/completions`, post(bearer(KEYS.b))],
      [`${at.home}/openai/deployments/gpt-4o-mini/chat/completions`, post({ 'api-key': KEYS.a })],
      [`${at.home}/v1/models?api-key=${KEYS.b}`, {}],
      [`${at.home}/v1/models`, { headers: { 'x-api-key': KEYS.a } }],
    ] as [string, RequestInit][])
      expect(await codeOf(send(url, init))).toMatchObject({ status: 403, code: 'gateway_key_strays' })
  expect(origins.books).toEqual([])
})

test('a client takes the key to its own address, and not to one that is set afterwards', async () => {
  const client = createGatewayClient({ baseURL: `${at.home}/v1`, maxRetries: 0, gateway: options() })
  closing.push(() => client.gateway.close(0))
  await client.chat.completions.create(ask('a'))
  await client.withOptions({ baseURL: `${at.alias}/v1` }).chat.completions.create(ask('b'))
  client.baseURL = `${at.other}/v1`
  const error = await client.chat.completions.create(ask('c')).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(OpenAI.PermissionDeniedError)
  expect(error).toMatchObject({ status: 403, code: 'gateway_key_strays' })
  expect(origins.books.map(({ origin }) => origin)).toEqual([at.home, at.alias])
})
