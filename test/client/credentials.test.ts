import { type CallRecord, createGateway, createGatewayClient, type Policy } from '@hotdash/llm-gateway'
import fc from 'fast-check'
import OpenAI, { AzureOpenAI } from 'openai'
import { bedrock } from 'openai/providers/bedrock'
import { vertex } from 'openai/providers/vertex'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { outcomeOf } from '../conformance/outcome.ts'
import { runs } from '../runs.ts'
import { ask } from '../support.ts'
import { exchanging, FORMS, identity } from './forms.ts'
import { startUpstream, type Upstream } from './upstream.ts'

// A client takes every credential that `new OpenAI()` takes, by the word of the SDK's own constructor, and governs the
// calls of each alike.

const VARIABLES = [
  ...['OPENAI_API_KEY', 'OPENAI_ADMIN_KEY', 'OPENAI_BASE_URL', 'AWS_BEARER_TOKEN_BEDROCK'],
  ...['LITELLM_BASE_URL', 'LITELLM_API_KEY', 'LLM_GATEWAY_KEY', 'AZURE_OPENAI_API_KEY'],
]
const warnings: string[] = []
beforeEach(() => {
  for (const name of VARIABLES) vi.stubEnv(name, undefined)
  warnings.splice(0)
  vi.spyOn(console, 'warn').mockImplementation((...words: unknown[]) => void warnings.push(words.join(' ')))
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

const policy: Policy = { teams: { own: { agents: ['probe'], rpm: 2, maxWaitMs: 1 } } }
const LITELLM = { LITELLM_BASE_URL: 'http://127.0.0.1:9/v1', LITELLM_API_KEY: 'sk-proxy' }
const set = (env: Record<string, string | undefined>) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
}

/** What upstream was shown, but for what differs from call to call. */
const shown = ({ take }: Upstream) =>
  take().map(({ method, url, headers, body }) => ({ method, url, headers, body }))

test.each(
  FORMS.flatMap((form) => [
    { ...form, title: form.name, litellm: false },
    { ...form, title: `${form.name}, beside LITELLM_*`, litellm: true },
  ]),
)(
  'calls with $title are cached, limited and recorded; upstream sees what the bare client sends',
  async (form) => {
    set({ ...form.env, ...(form.litellm ? LITELLM : {}) })
    const upstream = await startUpstream()
    const options = { ...form.options(upstream.baseURL), maxRetries: 0 }
    const records: CallRecord[] = []
    const bare = new OpenAI(options)
    const client = createGatewayClient({
      ...options,
      gateway: { agent: 'probe', policy, redis: false, onCall: (record) => void records.push(record) },
    })
    const call = async (of: OpenAI, content: string) =>
      await of.chat.completions.create(
        ask(content),
        form.perRequest ? { headers: { Authorization: 'Bearer sk-request' } } : {},
      )
    const theirs = await call(bare, 'a')
    const expected = shown(upstream)
    expect(await call(client, 'a')).toEqual(theirs)
    expect(shown(upstream)).toEqual(expected)
    expect(await call(client, 'a')).toEqual(theirs)
    expect(shown(upstream)).toEqual([])
    await call(client, 'b')
    await expect(call(client, 'c')).rejects.toMatchObject({ code: 'gateway_rpm_exceeded' })
    await client.gateway.flush()
    expect(records.map(({ cache, team, status, mode }) => [cache, team, status, mode])).toEqual([
      ['miss', 'own', 'ok', undefined],
      ['exact', 'own', 'ok', undefined],
      ['miss', 'own', 'ok', undefined],
      ['miss', 'own', 'refused', undefined],
    ])
    expect(warnings).toEqual([])
  },
)

test.each([
  ['a key', { apiKey: 'azure-key' }],
  ['an AD token', { azureADTokenProvider: async () => 'ad-token' }],
])('AzureOpenAI with %s over `gateway.fetch`: the same request, governed', async (_, credential) => {
  const upstream = await startUpstream()
  const options = { ...credential, endpoint: upstream.origin, apiVersion: '2024-10-21', maxRetries: 0 }
  const records: CallRecord[] = []
  const gateway = createGateway({
    agent: 'probe',
    policy,
    redis: false,
    onCall: (it) => void records.push(it),
  })
  const bare = new AzureOpenAI(options)
  const client = new AzureOpenAI({ ...options, fetch: gateway.fetch })
  const theirs = await bare.chat.completions.create(ask('a'))
  const expected = shown(upstream)
  for (let count = 0; count < 2; count += 1)
    expect(await client.chat.completions.create(ask('a'))).toEqual(theirs)
  expect(shown(upstream)).toEqual(expected)
  await gateway.flush()
  expect(records.map(({ cache, team }) => [cache, team])).toEqual([
    ['miss', 'own'],
    ['exact', 'own'],
  ])
  expect(warnings).toEqual([])
})

const maybe = <T>(...values: T[]) => fc.constantFrom<T | undefined>(undefined, ...values)
const BASE = 'http://127.0.0.1:9/v1'
const options = fc.record(
  {
    apiKey: maybe<string | null | (() => Promise<string>)>(null, '', 'sk', async () => 'sk-made'),
    adminAPIKey: maybe<string | null>(null, '', 'sk-admin'),
    workloadIdentity: maybe<unknown>(identity, {}, { ...identity, type: 'x509' }, { type: 'x509' }),
    provider: maybe<unknown>(
      bedrock({ baseURL: BASE, apiKey: 'key' }),
      vertex({ baseURL: BASE, tokenProvider: () => 'token' }),
      {},
    ),
    credential: maybe<unknown>({}, { close: async () => undefined }),
    x509Transport: maybe<unknown>({}),
    baseURL: maybe<string | null>(null, '', BASE),
    dataResidency: maybe<unknown>('eu', 'nowhere', null),
    fetch: maybe(exchanging),
  },
  { requiredKeys: [] },
)
const env = fc.record({
  OPENAI_API_KEY: maybe('', 'sk-env', '  '),
  OPENAI_ADMIN_KEY: maybe('', 'sk-admin-env'),
  OPENAI_BASE_URL: maybe('', BASE),
  LITELLM_BASE_URL: maybe('', 'http://127.0.0.1:9'),
  LITELLM_API_KEY: maybe('', 'sk-proxy'),
})

test('what `new OpenAI` takes is taken, and what it refuses is refused in its own words', async () => {
  await fc.assert(
    fc.asyncProperty(options, env, async (given, variables) => {
      set(variables)
      warnings.splice(0)
      const of = given as ConstructorParameters<typeof OpenAI>[0]
      const made = (client: OpenAI) => {
        const { apiKey, adminAPIKey, baseURL, organization, project, timeout, maxRetries } = client
        return { apiKey, adminAPIKey, baseURL, organization, project, timeout, maxRetries }
      }
      const theirs = await outcomeOf(async () => made(new OpenAI(of)))
      const said = warnings.splice(0)
      const ours = await outcomeOf(async () => {
        const client = createGatewayClient({ ...of, gateway: { agent: 'support', redis: false } })
        await client.gateway.close()
        return made(client)
      })
      const proxied = variables.LITELLM_BASE_URL && variables.LITELLM_API_KEY
      const missing = 'error' in theirs && theirs.error.message.startsWith('Missing credentials')
      // A team's key for its proxy is a credential of the gateway's own.
      if (missing && proxied) expect(ours).toMatchObject({ value: { apiKey: 'sk-proxy' } })
      else expect(ours).toEqual(theirs)
      const ungoverned = warnings.filter((line) => !/X\.509/.test(line))
      if (!(missing && proxied)) expect(ungoverned).toEqual(said)
    }),
    { numRuns: runs(300) },
  )
})
