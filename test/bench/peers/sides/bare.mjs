import OpenAI from 'openai'

/** Also asks through a proxy: `upstream` is then its address. */
export async function create({ upstream, apiKey, headers }) {
  const client = new OpenAI({ baseURL: upstream, apiKey, maxRetries: 0, defaultHeaders: headers })
  const request = (content) => ({
    model: 'gpt-4o-mini',
    max_tokens: 100,
    messages: [{ role: 'user', content }],
  })
  return {
    ask: (content) => client.chat.completions.create(request(content)),
    stream: (content) => client.chat.completions.create({ ...request(content), stream: true }),
  }
}
