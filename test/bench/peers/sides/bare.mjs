import OpenAI from 'openai'
import { chatBy } from './chat.mjs'

/** Also asks through a proxy: `upstream` is then its address. */
export async function create({ upstream, apiKey, headers }) {
  const client = new OpenAI({ baseURL: upstream, apiKey, maxRetries: 0, defaultHeaders: headers })
  return chatBy((request) => client.chat.completions.create(request))
}
