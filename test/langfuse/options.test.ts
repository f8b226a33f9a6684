import { createGatewayClient, type GatewayOptions, GatewayOptionsError } from '@hotdash/llm-gateway'
import { afterEach, expect, test, vi } from 'vitest'
import { ask, setup } from '../support.ts'
import { optionsFor, stand } from './kit.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

const KEYS = { publicKey: 'pk-lf-1234567890', secretKey: 'sk-lf-1234567890' }
const FULL = { ...KEYS, baseUrl: 'https://langfuse.example' }

test.each<[string, object, RegExp]>([
  ['no address', KEYS, /gateway\.langfuse\.baseUrl: set it, or LANGFUSE_BASE_URL/],
  ['no keys', { baseUrl: FULL.baseUrl }, /langfuse\.publicKey: .*\n.*langfuse\.secretKey: /],
  ['keys exchanged', { ...FULL, publicKey: KEYS.secretKey }, /langfuse\.publicKey: is a secret key/],
  ['an address without scheme', { ...FULL, baseUrl: 'langfuse.example' }, /langfuse\.baseUrl: must be/],
  ['an address with a key', { ...FULL, baseUrl: 'https://a:b@langfuse.example' }, /without user/],
  ['an environment of Langfuse', { ...FULL, environment: 'langfuse-prod' }, /langfuse\.environment: must/],
  ['a field there is not', { ...FULL, baseURL: 'x' }, /langfuse\.baseURL: unknown field/],
  ['a way there is not', { ...FULL, api: 'grpc' }, /langfuse\.api: must be one of "auto"/],
  ['no time', { ...FULL, timeoutMs: 0 }, /langfuse\.timeoutMs: must be/],
])('%s is found when the client is made, and no key is repeated', (_, langfuse, message) => {
  const make = () => createGatewayClient({ apiKey: 'k', gateway: { langfuse } as GatewayOptions })
  expect(make).toThrow(GatewayOptionsError)
  expect(make).toThrow(message)
  try {
    make()
  } catch (error) {
    expect(String(error)).not.toMatch(/1234567890/)
  }
})

function environment(values: Record<string, string>) {
  for (const [name, value] of Object.entries(values)) vi.stubEnv(name, value)
}

test('three variables switch it on, in every mode, and false switches it off', async () => {
  const langfuse = await stand('4.16.0')
  const { publicKey, secretKey, baseUrl } = optionsFor(langfuse)
  environment({
    LANGFUSE_PUBLIC_KEY: publicKey,
    LANGFUSE_SECRET_KEY: secretKey,
    LANGFUSE_BASE_URL: `${baseUrl}/`,
    LANGFUSE_TRACING_ENVIRONMENT: 'staging',
    LANGFUSE_RELEASE: '1.2.3',
  })
  for (const gateway of [{}, { langfuse: false as const }, { mode: 'direct' as const }]) {
    const { client } = await setup(gateway)
    await client.chat.completions.create(ask('traced?'))
    await client.gateway.flush()
    expect(client.gateway.stats().sinks === undefined).toBe('langfuse' in gateway)
  }
  expect(langfuse.observations.size).toBe(2)
  const trace = { environment: 'staging', release: '1.2.3' }
  expect([...langfuse.traces.values()]).toMatchObject([trace, trace])
})

test('some variables but not all of them: off, and said once', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  environment({ LANGFUSE_PUBLIC_KEY: KEYS.publicKey, LANGFUSE_SECRET_KEY: KEYS.secretKey })
  const client = createGatewayClient({ apiKey: 'k', gateway: { agent: 'support' } })
  expect(client.gateway.stats().sinks).toBeUndefined()
  expect(warn.mock.calls.flat()).toEqual([
    '[llm-gateway] GW_LANGFUSE_INCOMPLETE: Langfuse gets no traces: LANGFUSE_BASE_URL not set.',
  ])
})

test('a bad variable is named', () => {
  environment({ LANGFUSE_TRACING_ENVIRONMENT: 'Production!' })
  const make = () => createGatewayClient({ apiKey: 'k', gateway: { langfuse: FULL } })
  expect(make).toThrow(/^LANGFUSE_TRACING_ENVIRONMENT: must be 1 to 40/)
})
