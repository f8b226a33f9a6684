import { createGatewayClient, type GatewayOptions, type Policy } from '@hotdash/llm-gateway'
import type { Asker, Context } from '../worker.ts'

/** A call that is charged $0.10: upstream tells of 250 tokens in and 100 out. Elsewhere prices are those of OpenAI. */
export const DEAR = { input: 200, cachedInput: 200, output: 500, maxOutput: 16_384 }

/** With limits, none is met but the cap on dollars, if there is one. */
export const policyWith = (limits: boolean, cap?: number): Policy => ({
  version: 1,
  routing: { default: 'gpt-4o-mini', escalate: { above: 2_000, to: 'gpt-4o' }, fallback: 'gpt-4o' },
  models: {
    'gpt-4o-mini':
      cap === undefined ? { input: 0.15, cachedInput: 0.075, output: 0.6, maxOutput: 16_384 } : DEAR,
    'gpt-4o': { input: 2.5, cachedInput: 1.25, output: 10, maxOutput: 16_384 },
  },
  teams: {
    bench: { agents: ['bench'], ...(limits && { rpm: 1e8, tpm: 1e11, usdPerDay: cap ?? 1e6 }) },
  },
})

/** What all three ways of using the client have in common; the cache is on by default. */
export function askerOf({ upstream, apiKey }: Context, options: GatewayOptions): Asker {
  const gateway = { agent: 'bench', ...options }
  const client = createGatewayClient({ baseURL: upstream, apiKey, maxRetries: 0, gateway })
  const request = (content: string) => ({
    model: 'gpt-4o-mini',
    max_tokens: 100,
    messages: [{ role: 'user' as const, content }],
  })
  return {
    ask: async (content) => await client.chat.completions.create(request(content)),
    stream: async (content) => await client.chat.completions.create({ ...request(content), stream: true }),
  }
}

export const create = async (context: Context): Promise<Asker> =>
  askerOf(context, { policy: policyWith(false), quota: false })
