import { createGatewayClient, gatewayOptions, type Policy } from '@hotdash/llm-gateway'
import OpenAI from 'openai'

/** A request body as sent to the API. */
export type RequestBody = { model?: unknown; [member: string]: unknown }

/** What the gateway does with a call. */
export type Simulated =
  | { refused: { status: number; code: string; message: string } }
  | { model: string; route: string; cacheable: boolean; hold: { requests?: number; tokens?: number } }

type Who = { agent?: string | undefined; key?: string | undefined }

/**
 * Sends a call through the real gateway under a policy, with a made-up answer in place of upstream's. Nothing leaves the
 * process, and nothing is stored, counted elsewhere or recorded.
 */
export async function simulate(policy: Policy, who: Who, body: RequestBody): Promise<Simulated> {
  const { cache, ...rest } = policy
  const client = createGatewayClient({
    apiKey: 'sk-explain',
    baseURL: 'https://explain.invalid/v1',
    maxRetries: 0,
    fetch: async (_url, init) =>
      Response.json(answerOf(JSON.parse(typeof init?.body === 'string' ? init.body : '{}') as RequestBody)),
    gateway: {
      ...(who.agent !== undefined && { agent: who.agent }),
      ...(who.key !== undefined && { key: who.key }),
      // Its own calls for embeddings are no part of this call.
      policy: { ...rest, cache: cache === false ? false : { ...cache, semantic: false } },
      mode: 'embedded',
      litellm: false,
      redis: false,
      langfuse: false,
      supabase: false,
      otel: false,
      logger: false,
      onLimit: 'reject',
    },
  })
  try {
    const { stream: _, ...whole } = body
    const response = await client.post(pathOf(body), { body: whole, ...gatewayOptions({}) }).asResponse()
    return outcomeOf(response.headers)
  } catch (error) {
    if (!(error instanceof OpenAI.APIError) || !/^gateway_/.test(error.code ?? '')) throw error
    const { status, code, error: details } = error
    const { message } = details as { message: string }
    return { refused: { status: status ?? 0, code: code ?? '', message } }
  } finally {
    await client.gateway.close()
  }
}

function outcomeOf(headers: Headers): Simulated {
  const number = (name: string) => {
    const value = headers.get(`x-ratelimit-${name}`)
    return value === null ? undefined : Number(value)
  }
  const taken = (unit: string) => {
    const [limit, remaining] = [number(`limit-${unit}`), number(`remaining-${unit}`)]
    return limit === undefined || remaining === undefined ? undefined : limit - remaining
  }
  const [requests, tokens] = [taken('requests'), taken('tokens')]
  return {
    model: headers.get('x-gateway-model') ?? '',
    route: headers.get('x-gateway-route') ?? '',
    cacheable: headers.get('x-gateway-cache') === 'miss',
    hold: { ...(requests !== undefined && { requests }), ...(tokens !== undefined && { tokens }) },
  }
}

/** Returns the path of the operation that a body is of, by its members. */
export function pathOf(body: RequestBody): string {
  if ('messages' in body) return '/chat/completions'
  if ('prompt' in body && !('input' in body) && typeof body.prompt !== 'object') return '/completions'
  return typeof body.model === 'string' && body.model.includes('embedding') ? '/embeddings' : '/responses'
}

const USAGE = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }

function answerOf(body: RequestBody): object {
  const common = { id: 'explain', created: 0, model: body.model }
  switch (pathOf(body)) {
    case '/embeddings':
      return {
        object: 'list',
        model: body.model,
        data: [{ object: 'embedding', index: 0, embedding: [1] }],
        usage: USAGE,
      }
    case '/responses':
      return {
        ...common,
        object: 'response',
        status: 'completed',
        output: [],
        usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
      }
    case '/completions':
      return {
        ...common,
        object: 'text_completion',
        choices: [{ index: 0, text: '.', finish_reason: 'stop' }],
        usage: USAGE,
      }
    default:
      return {
        ...common,
        object: 'chat.completion',
        choices: [
          { index: 0, message: { role: 'assistant', content: '.', refusal: null }, finish_reason: 'stop' },
        ],
        usage: USAGE,
      }
  }
}
