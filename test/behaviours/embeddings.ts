import type { Behaviours } from './agent.ts'

const model = 'text-embedding-3-large'

export const embeddings: Behaviours = {
  embeddings: {
    async see({ client }) {
      const answer = await client.embeddings.create({ model, input: ['one', 'two'], dimensions: 4 })
      const vectors = answer.data.map(({ embedding }) => embedding.map((x) => x.toFixed(5)))
      return [vectors, answer.usage.prompt_tokens]
    },
  },
  'embeddings in base64': {
    async see({ client }) {
      const request = { model, input: 'three', dimensions: 4, encoding_format: 'base64' as const }
      const [first] = (await client.embeddings.create(request)).data
      return typeof first?.embedding
    },
    seen: 'string',
  },
  'an embedding given again': {
    async see({ client, upstream, settled }) {
      const request = { model, input: 'given again' }
      await client.embeddings.create(request)
      await settled()
      await client.embeddings.create(request)
      return upstream.count()
    },
    seen: 1,
  },
}
