import { ask, type Behaviours, LONG, lastBody, MODEL, say, text } from './agent.ts'

export const chat: Behaviours = {
  'a chat answer': {
    async see({ client }) {
      const answer = await say(client, 'What is the margin? 漢字 🙂')
      const { prompt_tokens, completion_tokens } = answer.usage ?? {}
      return [text(answer), answer.model, answer.choices[0]?.finish_reason, prompt_tokens, completion_tokens]
    },
  },
  'a conversation': {
    async see({ client, upstream }) {
      const messages = [
        { role: 'system' as const, content: 'Be brief.' },
        { role: 'user' as const, content: 'one' },
        { role: 'assistant' as const, content: 'two' },
        { role: 'user' as const, content: 'three' },
      ]
      const answer = await client.chat.completions.create({ model: MODEL, messages })
      return [text(answer), lastBody(upstream).messages]
    },
  },
  'several answers with their probabilities': {
    async see({ client }) {
      const answer = await client.chat.completions.create({
        ...ask('several'),
        n: 2,
        logprobs: true,
        top_logprobs: 1,
      })
      return answer.choices.map(({ message, logprobs }) => [message.content, logprobs?.content?.length])
    },
  },
  'a refusal of the model': {
    async see({ client }) {
      const answer = await say(client, '[refuse] something forbidden')
      return typeof answer.choices[0]?.message.refusal
    },
    seen: 'string',
  },
  'metadata of a stored chat': {
    async see({ client, upstream }) {
      await client.chat.completions.create({
        ...ask('with metadata'),
        store: true,
        metadata: { order: '17' },
      })
      return lastBody(upstream).metadata ?? null
    },
    seen: { order: '17' },
  },
  'an answer and what came with it': {
    async see({ client }) {
      const { data, response, request_id } = await client.chat.completions.create(ask('raw')).withResponse()
      return [text(data), response.status, response.headers.get('content-type'), request_id !== null]
    },
  },
  'a long question': {
    see: async ({ client }) => (await say(client, LONG)).model,
    seen: 'gpt-4o',
  },
  'a model named auto': {
    async see({ client, upstream }) {
      const answer = await client.chat.completions.create({ ...ask('any'), model: 'auto' })
      return [answer.model, upstream.requests.at(-1)?.model]
    },
    seen: [MODEL, MODEL],
  },
  'a question without a model': {
    async see({ client, upstream }) {
      const { messages } = ask('no model named')
      const outcome = await client.chat.completions.create({ messages } as never).then(
        ({ model }) => model,
        ({ status }) => status,
      )
      return [outcome, upstream.requests.at(-1)?.model]
    },
    seen: [MODEL, MODEL],
  },
  'another model by its name': {
    see: async ({ client }) =>
      (await client.chat.completions.create({ ...ask('by name'), model: 'gpt-4o' })).model,
    seen: 'gpt-4o',
  },
  'the list of models': {
    async see({ client }) {
      const names: string[] = []
      for await (const { id } of client.models.list()) names.push(id)
      return ['gpt-4o', 'gpt-4o-mini'].every((name) => names.includes(name))
    },
    seen: true,
  },
  'a legacy completion': {
    async see({ client }) {
      const model = 'gpt-3.5-turbo-instruct'
      const answer = await client.completions.create({ model, prompt: 'Once upon a time' })
      return [answer.choices[0]?.text, answer.usage?.prompt_tokens, answer.usage?.completion_tokens]
    },
  },
  'a legacy completion of a chat model': {
    async see({ client, upstream }) {
      await client.completions.create({ model: MODEL, prompt: 'Once upon a chat' })
      return upstream.requests.at(-1)?.path
    },
    seen: '/v1/completions',
  },
}
