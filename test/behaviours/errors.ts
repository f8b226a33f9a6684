import OpenAI from 'openai'
import { ask, type Behaviours, failure, MODEL, say } from './agent.ts'

const broken = { times: Number.POSITIVE_INFINITY }

export const errors: Behaviours = {
  'a bad request': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 400, code: 'bad_thing', param: 'messages' })
      return [await failure(say(client, 'a bad request')), upstream.count()]
    },
    seen: [{ name: 'BadRequestError', status: 400, code: 'bad_thing', type: 'invalid_request_error' }, 1],
  },
  'the parameter that a bad request is about': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 400, code: 'bad_thing', param: 'messages' })
      const error = await say(client, 'a bad parameter').catch((error: unknown) => error)
      return error instanceof OpenAI.APIError && error.param
    },
    seen: 'messages',
  },
  'a wrong upstream key': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 401 })
      return await failure(say(client, 'a wrong upstream key'))
    },
  },
  'upstream out of money': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 429, code: 'insufficient_quota' }, { times: 3 })
      return await failure(say(client, 'out of money'))
    },
    seen: { name: 'RateLimitError', status: 429, code: 'insufficient_quota', type: 'insufficient_quota' },
  },
  'upstream broken': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 500 }, broken)
      return await failure(client.chat.completions.create(ask('broken'), { maxRetries: 0 }))
    },
  },
  'upstream broken for a moment': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 503 })
      return [await failure(say(client, 'broken for a moment')), upstream.count()]
    },
    seen: ['no error', 2],
  },
  'upstream busy for a moment': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 429 })
      return [await failure(say(client, 'busy for a moment')), upstream.count()]
    },
    seen: ['no error', 2],
  },
  'a connection that breaks': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'reset' })
      return await failure(say(client, 'a connection that breaks'))
    },
    seen: 'no error',
  },
  'upstream that cannot be reached': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'reset' }, broken)
      const call = client.chat.completions.create(ask('unreachable'), { maxRetries: 0 })
      return ((await failure(call)) as { name: string }).name
    },
    seen: 'APIConnectionError',
  },
  'a broken model': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 503 }, { when: { model: MODEL }, ...broken })
      const call = client.chat.completions.create(ask('a broken model')).withResponse()
      return await call.then(
        ({ data, response }) => [data.model, response.headers.get('x-gateway-route')],
        (error: Error) => error.constructor.name,
      )
    },
    seen: ['gpt-4o', 'failover'],
  },
  'a question too long for the model': {
    async see({ client, upstream }) {
      const fault = { type: 'status', status: 400, code: 'context_length_exceeded' } as const
      upstream.fail(fault, { when: { model: MODEL } })
      const failed = await failure(say(client, 'too long for the model'))
      return [failed, upstream.requests.at(-1)?.model]
    },
    seen: ['no error', 'gpt-4o'],
  },
  'a model that does not exist': {
    async see({ client, upstream }) {
      upstream.fail({ type: 'status', status: 404, code: 'model_not_found' })
      const call = client.chat.completions.create({ ...ask('x'), model: 'gpt-17' })
      return [await failure(call), upstream.count()]
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
}
