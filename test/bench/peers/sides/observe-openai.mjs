import { observeOpenAI } from '@langfuse/openai'
import { LangfuseSpanProcessor } from '@langfuse/otel'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import OpenAI from 'openai'
import { chatBy } from './chat.mjs'

export async function create({ upstream, apiKey, langfuse }) {
  const processor = new LangfuseSpanProcessor({
    publicKey: langfuse.publicKey,
    secretKey: langfuse.secretKey,
    baseUrl: langfuse.baseUrl,
  })
  new NodeTracerProvider({ spanProcessors: [processor] }).register()
  const client = observeOpenAI(new OpenAI({ baseURL: upstream, apiKey, maxRetries: 0 }))
  return chatBy((request) => client.chat.completions.create(request))
}
