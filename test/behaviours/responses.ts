import { type Behaviours, lastBody, MODEL } from './agent.ts'

const responsesTool = {
  type: 'function' as const,
  name: 'get_weather',
  strict: false,
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
}

export const responses: Behaviours = {
  'a Response': {
    async see({ client }) {
      const answer = await client.responses.create({ model: MODEL, input: 'a Response', store: false })
      return [answer.output_text, answer.status, answer.usage?.input_tokens, answer.usage?.output_tokens]
    },
  },
  'a streamed Response': {
    async see({ client }) {
      const stream = client.responses.stream({ model: MODEL, input: 'a streamed Response', store: false })
      const answer = await stream.finalResponse()
      return [answer.output_text, answer.status]
    },
  },
  'the last event of a streamed Response': {
    async see({ client }) {
      let last = ''
      const request = { model: MODEL, input: 'What then?', store: false, stream: true as const }
      for await (const { type } of await client.responses.create(request)) last = type
      return last
    },
    seen: 'response.completed',
  },
  'a tool call of a Response': {
    async see({ client }) {
      const request = { model: MODEL, input: 'use get_weather', store: false, tools: [responsesTool] }
      const { output } = await client.responses.create(request)
      return output.map((item) => (item.type === 'function_call' ? [item.name, item.arguments] : item.type))
    },
  },
  'a Response that goes on with another': {
    async see({ client, upstream }) {
      const first = await client.responses.create({ model: MODEL, input: 'remember 17' })
      const next = { model: MODEL, input: 'what was it?', previous_response_id: first.id }
      const { status } = await client.responses.create(next)
      return [status, typeof lastBody(upstream).previous_response_id]
    },
    seen: ['completed', 'string'],
  },
  'metadata of a Response': {
    async see({ client, upstream }) {
      const request = { model: MODEL, input: 'with metadata', metadata: { order: '17' } }
      await client.responses.create(request)
      return lastBody(upstream).metadata
    },
    seen: { order: '17' },
  },
  'a Response given again': {
    async see({ client, upstream, settled }) {
      const request = { model: MODEL, input: 'a Response given again', store: false }
      const first = await client.responses.create(request)
      await settled()
      const second = await client.responses.create(request)
      return [first.output_text === second.output_text, upstream.count()]
    },
    seen: [true, 1],
  },
  'the id of a Response given again': {
    async see({ client, settled }) {
      const request = { model: MODEL, input: 'an id given again', store: false }
      const first = await client.responses.create(request)
      await settled()
      return (await client.responses.create(request)).id === first.id
    },
    seen: true,
  },
}
