import { observeOpenAI } from '@langfuse/openai'
import { LangfuseSpanProcessor } from '@langfuse/otel'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import OpenAI from 'openai'

export async function create({ upstream, apiKey, langfuse }) {
  const processor = new LangfuseSpanProcessor({
    publicKey: langfuse.publicKey,
    secretKey: langfuse.secretKey,
    baseUrl: langfuse.baseUrl,
  })
  new NodeTracerProvider({ spanProcessors: [processor] }).register()
  const client = observeOpenAI(new OpenAI({ baseURL: upstream, apiKey, maxRetries: 0 }))
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
