import OpenAI from 'openai'
import { type Agent, ask, type Behaviours, codeOf, failure, LONG, lastBody, say } from './agent.ts'

const refused = (code: string) => ({ name: 'RateLimitError', status: 429, code, type: 'rate_limit_error' })

/** One question after another. */
async function codes({ settled }: Agent, client: OpenAI, questions: string[]): Promise<unknown[]> {
  const seen: unknown[] = []
  for (const question of questions) {
    seen.push(await codeOf(say(client, question)))
    await settled()
  }
  return seen
}

export const limits: Behaviours = {
  'a limit of requests': {
    see: async (agent) => await codes(agent, agent.as('few', 'few'), ['limit 1', 'limit 2', 'limit 3']),
    seen: ['no error', 'no error', 'gateway_rpm_exceeded'],
  },
  'what a limit of requests is told with': {
    async see({ as }) {
      const told = as('told', 'told')
      let error: unknown
      for (let time = 0; time < 3; time += 1)
        error = await say(told, `told ${time}`).catch((error: unknown) => error)
      if (!(error instanceof OpenAI.RateLimitError)) return 'no error'
      return [await failure(Promise.reject(error)), Number(error.headers.get('retry-after')) > 30]
    },
    seen: [refused('gateway_rpm_exceeded'), true],
  },
  'hits beyond a limit of requests': {
    see: async (agent) => await codes(agent, agent.as('hits', 'hits'), ['a hit', 'a hit', 'a hit']),
    seen: ['no error', 'no error', 'no error'],
  },
  'a limit of tokens': {
    see: async ({ as, upstream }) => [await failure(say(as('short', 'short'), LONG)), upstream.count()],
    seen: [refused('gateway_tpm_exceeded'), 0],
  },
  'a maximum output above the limit of tokens': {
    see: async ({ as }) =>
      await failure(
        as('short', 'short').chat.completions.create({ ...ask('a large maximum'), max_tokens: 16_000 }),
      ),
    seen: 'no error',
  },
  'a small limit of tokens': {
    async see({ as, upstream }) {
      await say(as('tight', 'tight'), 'a small limit')
      return lastBody(upstream).max_tokens ?? null
    },
    seen: null,
  },
  'dollars a day': {
    see: async ({ as, upstream }) => [await failure(say(as('poor', 'poor'), 'dear')), upstream.count()],
    seen: [refused('gateway_daily_usd_exceeded'), 0],
  },
  'one team beyond its limit, and another': {
    async see(agent) {
      const { as, client } = agent
      const first = await codes(agent, as('full', 'full'), ['full 1', 'full 2', 'full 3'])
      return [first[2], await codeOf(say(client, 'not full'))]
    },
    seen: ['gateway_rpm_exceeded', 'no error'],
  },
  'a model that is not allowed': {
    async see({ as, upstream }) {
      const mini = as('mini', 'mini')
      return [await failure(mini.chat.completions.create({ ...ask('x'), model: 'gpt-4o' })), upstream.count()]
    },
    seen: [
      {
        name: 'PermissionDeniedError',
        status: 403,
        code: 'gateway_model_not_allowed',
        type: 'permission_error',
      },
      0,
    ],
  },
  'an unknown key': {
    see: async ({ as }) => await failure(say(as('support', 'nobody'), 'an unknown key')),
    seen: {
      name: 'AuthenticationError',
      status: 401,
      code: 'gateway_unknown_key',
      type: 'authentication_error',
    },
  },
}
