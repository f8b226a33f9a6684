import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { PRICES, TEAMS, type Team } from './teams.ts'

/** What upstream did for a team, by its own log and by nothing that the gateway says. */
export type Books = { requests: number; nanoUsd: number; mostRequests: number; mostTokens: number }

type Asked = {
  model: string
  stream?: boolean
  max_tokens?: number
  messages?: { content: string }[]
  input?: unknown
}

/** Shortest time between two requests that a limit per minute may be measured by, in ms: requests are late by some. */
const WINDOW_MS = 57_000

/**
 * An OpenAI that keeps books: each answer that it began is billed whole, whatever became of it. One request in twenty has
 * trouble; in a storm, more than half.
 */
export async function startUpstream() {
  const books = new Map<Team, Books & { last: { at: number; tokens: number }[] }>()
  let storm = false

  function bill(team: Team, input: number, output: number): void {
    const book = books.get(team) ?? { requests: 0, nanoUsd: 0, mostRequests: 0, mostTokens: 0, last: [] }
    books.set(team, book)
    const now = performance.now()
    book.requests += 1
    book.nanoUsd += input * PRICES.input + output * PRICES.output
    book.last.push({ at: now, tokens: input + output })
    while ((book.last[0]?.at ?? now) < now - WINDOW_MS) book.last.shift()
    book.mostRequests = Math.max(book.mostRequests, book.last.length)
    const tokens = book.last.reduce((sum, each) => sum + each.tokens, 0)
    book.mostTokens = Math.max(book.mostTokens, tokens)
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const asked = JSON.parse(Buffer.concat(pieces).toString()) as Asked
    const text = asked.messages?.at(-1)?.content ?? JSON.stringify(asked.input)
    const team = TEAMS.find((name) => text.includes(`<${name}>`)) ?? 'free'
    // Far below what the gateway counts, so that nothing is billed that it could not know.
    const input = Math.ceil(text.length / 16)
    const trouble = Math.random() < (storm ? 0.6 : 0.05) ? Math.floor(Math.random() * 6) : -1
    if (trouble === 0) return void fail(response, 500, {})
    if (trouble === 1) return void fail(response, 503, { 'retry-after-ms': '50' })
    if (trouble === 2) return void fail(response, 429, { 'retry-after-ms': '100' })
    const words = wordsFor(text, Math.min(asked.max_tokens ?? 100, 100))
    const output = asked.messages === undefined ? 0 : words.length
    bill(team, input, output)
    if (trouble === 3) await sleep(2_000)
    else await sleep(5 + Math.random() * 40)
    const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
    if (asked.messages === undefined) return void send(response, embedding(asked, usage))
    if (asked.stream) await stream(response, asked.model, words, usage, trouble)
    else send(response, completion(asked.model, words, usage), trouble === 4)
  }

  const server = createServer((request, response) => {
    response.on('error', () => undefined)
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 2_000 }, resolve))
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    storm(on: boolean) {
      storm = on
    },
    books: (): Record<string, Books> =>
      Object.fromEntries([...books].map(([team, { last: _, ...book }]) => [team, book])),
  }
}

type Usage = { prompt_tokens: number; completion_tokens: number; total_tokens: number }
const HEAD = { id: 'chatcmpl-soak', created: 1_700_000_000 }

/** The same question gets the same answer. */
const wordsFor = (text: string, most: number): string[] =>
  Array.from({ length: 10 + ((text.length * 7) % (most - 10)) }, (_, at) => `word${(at * text.length) % 97}`)

const completion = (model: string, words: string[], usage: Usage) => ({
  ...HEAD,
  object: 'chat.completion',
  model,
  choices: [
    {
      index: 0,
      finish_reason: 'stop',
      message: { role: 'assistant', content: words.join(' '), refusal: null },
    },
  ],
  usage,
})

const embedding = ({ model }: Asked, { prompt_tokens, total_tokens }: Usage) => ({
  object: 'list',
  model,
  data: [{ object: 'embedding', index: 0, embedding: [0.6, 0.8] }],
  usage: { prompt_tokens, total_tokens },
})

function send(response: ServerResponse, body: object, isCut = false): void {
  const text = JSON.stringify(body)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length })
  if (!isCut) return void response.end(text)
  response.write(text.slice(0, text.length / 2))
  setTimeout(() => response.destroy(), 5)
}

async function stream(
  response: ServerResponse,
  model: string,
  words: string[],
  usage: Usage,
  trouble: number,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const chunk = (delta: object, rest: object = {}) =>
    response.write(
      `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', model, choices: [{ index: 0, delta, finish_reason: null }], ...rest })}\n\n`,
    )
  chunk({ role: 'assistant', content: '' })
  for (const [at, word] of words.entries()) {
    if (trouble === 4 && at === 5) return void response.destroy()
    // Ends without its last event.
    if (trouble === 5 && at === 5) return void response.end()
    chunk({ content: `${at === 0 ? '' : ' '}${word}` })
    if (at % 10 === 9) await sleep(2)
  }
  chunk({}, { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
  chunk({}, { choices: [], usage })
  response.end('data: [DONE]\n\n')
}

function fail(response: ServerResponse, status: number, headers: Record<string, string>): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(
    JSON.stringify({ error: { message: 'trouble', type: 'server_error', code: null, param: null } }),
  )
}
