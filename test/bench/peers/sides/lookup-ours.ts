import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { completion } from '../../completion.ts'
import { DIMS } from '../../lookup/calls.ts'

/** What `lookup.ts` wrote: questions in their stored and their later words. */
type Question = { stored: string; storedVector: number[]; asked: string; askedVector: number[] }
const all = JSON.parse(readFileSync(process.argv[3] ?? '', 'utf8')) as Question[]

/** Vectors come from a table: their making is not what is measured. */
const vectors = new Map<string, Float32Array>()
for (const { stored, storedVector, asked, askedVector } of all) {
  vectors.set(stored, Float32Array.from(storedVector))
  vectors.set(asked, Float32Array.from(askedVector))
}
const none = new Float32Array(DIMS)
const answers = new Map(all.map(({ stored }, at) => [stored, `answer ${at}`]))

const client = createGatewayClient({
  baseURL: 'http://127.0.0.1:1/v1',
  apiKey: 'bench',
  fetch: async (_, init) => {
    const { messages } = JSON.parse(String(init?.body)) as { messages: { content: string }[] }
    const body = completion(answers.get(messages[0]?.content ?? '') ?? 'no answer', 25)
    return new Response(body, { headers: { 'content-type': 'application/json' } })
  },
  gateway: {
    agent: 'bench',
    quota: false,
    redis: false,
    policy: {
      teams: { bench: { agents: ['bench'] } },
      cache: { semantic: { mode: 'on', threshold: 0.5, judge: false } },
    },
    cache: {
      semantic: {
        embedder: {
          id: 'bench',
          dimensions: DIMS,
          embed: async (texts) => texts.map((text) => vectors.get(text) ?? none),
        },
        secret: 'a secret for the bench',
      },
    },
  },
})
const ask = (content: string, headers = {}) =>
  client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content }] }, { headers })

for (const { stored } of all) await ask(stored)
await client.gateway.flush(60_000)
console.log('ready')

for await (const line of createInterface({ input: process.stdin })) {
  const { from, calls } = JSON.parse(line) as { from: number; calls: number }
  const found = { times: [] as number[], right: 0, wrong: 0 }
  for (let at = from; at < from + calls; at += 1) {
    const start = performance.now()
    // Found by meaning each time: what was stored for these words would be found first.
    const { choices } = await ask(all[at]?.asked ?? '', { 'x-gateway-cache': 'no-store' })
    found.times.push((performance.now() - start) * 1_000)
    const text = choices[0]?.message.content
    if (text === `answer ${at}`) found.right += 1
    else if (text !== 'no answer') found.wrong += 1
  }
  console.log(JSON.stringify(found))
}
