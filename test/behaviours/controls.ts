import { type GatewayContext, gatewayOptions } from '@hotdash/llm-gateway'
import type OpenAI from 'openai'
import { type Agent, ask, type Behaviours, failure, lastBody, say } from './agent.ts'

const controlled = (client: OpenAI, content: string, context: GatewayContext) =>
  client.chat.completions.create(ask(content), gatewayOptions(context))
/** With fields that the SDK's types do not know. */
const withFields = (client: OpenAI, content: string, fields: object) =>
  client.chat.completions.create({ ...ask(content), ...fields } as ReturnType<typeof ask>)

/** How many of these calls, one after another, reach upstream. */
async function asked({ upstream, settled }: Agent, ...calls: (() => Promise<unknown>)[]): Promise<number> {
  for (const call of calls) {
    await call()
    await settled()
  }
  return upstream.count()
}

export const controls: Behaviours = {
  'no-cache: asked afresh, and stored': {
    see: async (agent) =>
      await asked(
        agent,
        () => say(agent.client, 'no-cache'),
        () => controlled(agent.client, 'no-cache', { cache: { noCache: true } }),
        () => say(agent.client, 'no-cache'),
      ),
    seen: 2,
  },
  'no-store: not stored': {
    async see(agent) {
      const call = () => controlled(agent.client, 'no-store', { cache: { noStore: true } })
      return await asked(agent, call, call)
    },
    seen: 2,
  },
  'a namespace of its own': {
    async see(agent) {
      const call = (namespace: string) => () =>
        controlled(agent.client, 'namespace', { cache: { namespace } })
      return await asked(agent, call('a'), call('a'), call('b'))
    },
    seen: 2,
  },
  'a ttl of a second': {
    async see({ client, upstream }) {
      await controlled(client, 'ttl', { cache: { ttl: 1 } })
      await new Promise((resolve) => setTimeout(resolve, 1_600))
      await say(client, 'ttl')
      return upstream.count()
    },
    seen: 2,
  },
  'no older than a second': {
    async see({ client, upstream, settled }) {
      await say(client, 'max-age')
      await settled()
      await new Promise((resolve) => setTimeout(resolve, 2_100))
      await controlled(client, 'max-age', { cache: { maxAge: 1 } })
      return upstream.count()
    },
    seen: 2,
  },
  'only if cached, without an entry': {
    async see({ client, upstream }) {
      const call = controlled(client, 'only if cached', { cache: { onlyIfCached: true } })
      return [await failure(call), upstream.count()]
    },
    seen: [{ name: 'InternalServerError', status: 504, code: 'gateway_not_cached', type: 'server_error' }, 0],
  },
  'only if cached, with an entry': {
    async see({ client, upstream, settled }) {
      await say(client, 'it is cached')
      await settled()
      const call = controlled(client, 'it is cached', { cache: { onlyIfCached: true } })
      return [(await failure(call)) === 'no error', upstream.count()]
    },
    seen: [true, 1],
  },
  "LiteLLM's cache field": {
    async see(agent) {
      const call = (cache: object) => () => withFields(agent.client, 'litellm field', { cache })
      const count = await asked(
        agent,
        call({ 'no-store': true }),
        call({}),
        call({ ttl: 60 }),
        call({ 'no-cache': true }),
        call({ namespace: 'mine' }),
      )
      return [count, 'cache' in lastBody(agent.upstream)]
    },
    seen: [4, false],
  },
  "LiteLLM's metadata field": {
    async see({ client, upstream }) {
      const metadata = { trace_id: 't', session_id: 's', generation_name: 'g', tags: ['a'] }
      await withFields(client, 'litellm metadata', { metadata })
      return 'metadata' in lastBody(upstream)
    },
    seen: false,
  },
  'what only the gateway is told': {
    async see({ client, upstream }) {
      const context = { agent: 'support', session: 'S-1', user: 'ann', trace: 't-1', tags: ['nightly'] }
      await controlled(client, 'controls', context)
      const { headers = {}, body } = upstream.requests.at(-1) ?? {}
      return [Object.keys(headers).filter((name) => /gateway|litellm/.test(name)), body]
    },
    seen: [[], ask('controls')],
  },
}
