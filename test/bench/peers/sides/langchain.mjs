import { ChatOpenAI } from '@langchain/openai'

const chat = ({ upstream, apiKey }, cache) =>
  new ChatOpenAI({
    model: 'gpt-4o-mini',
    maxTokens: 100,
    apiKey,
    maxRetries: 0,
    configuration: { baseURL: upstream },
    cache,
  })

const asker = (model) => ({
  ask: (content) => model.invoke(content),
  stream: (content) => model.stream(content),
})

/** `cache: true` is LangChain's own InMemoryCache. */
export const create = async (context) => asker(chat(context, true))

export const createWith = async (context, cache) => asker(chat(context, cache))
