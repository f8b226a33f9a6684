import type { FakeOpenAI } from '@hotdash/llm-gateway-testing'
import OpenAI from 'openai'

/** How an agent's calls reach the model. The agent's own code is the same in all of them. */
export const WAYS = ['embedded', 'litellm', 'direct', 'served'] as const
export type Way = (typeof WAYS)[number]

/** What an agent has to work with. */
export type Agent = {
  /** Of the agent `support`, of the team `prod_customer`. */
  client: OpenAI
  upstream: FakeOpenAI
  /** Another client, for another agent of another team. */
  as: (agent: string, team: string) => OpenAI
  /** Resolves once what was answered last is in whatever cache there is: LiteLLM writes its own after it has answered. */
  settled: () => Promise<void>
}

/** Something an agent does. */
export type Behaviour = {
  /** What it sees of it. */
  see: (agent: Agent) => Promise<unknown>
  /** What an embedded agent sees, where a line can say it. In every other way it is the same, but for `differences.ts`. */
  seen?: unknown
}
export type Behaviours = Record<string, Behaviour>

export const MODEL = 'gpt-4o-mini'
export const ask = (content: string) => ({ model: MODEL, messages: [{ role: 'user' as const, content }] })
export const streamed = (content: string) => ({ ...ask(content), stream: true as const })
export const say = (client: OpenAI, content: string) => client.chat.completions.create(ask(content))
export const text = (answer: OpenAI.ChatCompletion) => answer.choices[0]?.message.content
export const lastBody = ({ requests }: FakeOpenAI) => (requests.at(-1)?.body ?? {}) as Record<string, unknown>

/** Above the border of 2,000 tokens. */
export const LONG = 'a long story about shipping and returns. '.repeat(600)

export const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}

/** What a stream said, joined. */
export async function read(stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> {
  let said = ''
  for await (const chunk of stream) said += chunk.choices[0]?.delta.content ?? ''
  return said
}

/** Of an error, what agents tell errors apart by. */
export async function failure(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise
    return 'no error'
  } catch (error) {
    if (!(error instanceof OpenAI.APIError)) return (error as Error).name
    return { name: error.constructor.name, status: error.status, code: error.code, type: error.type }
  }
}

/** Its code alone. */
export async function codeOf(promise: PromiseLike<unknown>): Promise<unknown> {
  const failed = await failure(promise)
  return typeof failed === 'string' ? failed : (failed as { code: unknown }).code
}

/** Where the answer came from, as the gateway says it. */
export async function sourceOf(call: { asResponse: () => Promise<Response> }): Promise<string | null> {
  const response = await call.asResponse()
  await response.text()
  return response.headers.get('x-gateway-cache')
}
