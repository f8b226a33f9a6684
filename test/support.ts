import {
  type CallRecord,
  createGatewayClient,
  type GatewayClient,
  type GatewayOptions,
} from '@hotdash/llm-gateway'
import { type FakeOpenAI, type FakeOpenAIOptions, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI, { type ClientOptions } from 'openai'
import { onTestFinished } from 'vitest'
import { hostileOrigin } from './hostile/under.ts'

export { until } from './until.ts'

export type Setup = {
  upstream: FakeOpenAI
  /** The gateway's client and a bare one, at the same upstream. */
  client: GatewayClient
  bare: OpenAI
  records: CallRecord[]
}

export async function setup(
  gateway: GatewayOptions = {},
  client: ClientOptions = {},
  fake: FakeOpenAIOptions = {},
): Promise<Setup> {
  const server = await startFakeOpenAI({ tokens: 'approximate', ...fake })
  onTestFinished(() => server.close())
  const upstream = { ...server, baseURL: await hostileOrigin(server.baseURL) }
  const records: CallRecord[] = []
  const options = { baseURL: upstream.baseURL, apiKey: 'test-key', ...client }
  return {
    upstream,
    records,
    client: createGatewayClient({
      ...options,
      gateway: {
        agent: 'support',
        onCall: (record) => void records.push(record),
        ...gateway,
        cache: withoutMeaning(gateway.cache),
      },
    }),
    bare: new OpenAI(options),
  }
}

/** HotDash's policy asks support's questions by meaning: calls of its own, which only tests of it want to count. */
export const withoutMeaning = (cache: GatewayOptions['cache']): NonNullable<GatewayOptions['cache']> =>
  cache === false ? cache : { semantic: false, ...cache }

export const ask = (content: string) => ({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user' as const, content }],
})
