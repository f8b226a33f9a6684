import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGatewayClient } from '@hotdash/llm-gateway'
import OpenAI from 'openai'

/** CPU for large answers, beside the bare client's. Exits with 1 above half as much again. */
const MOST = 1.5
const MIB = 1024 * 1024
const ROUNDS = 7
/** What the upstream is asked for an event of many parts. */
const MEMBERS = 'members'

if (process.send) serve()
else await measure()

/** In a process of its own, whose CPU is not measured. */
function serve() {
  const frame = (choices: unknown[], usage?: object) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices, usage })}\n\n`
  const event = Buffer.from(
    frame([
      { index: 0, delta: { role: 'assistant', content: 'x'.repeat(16 * MIB) }, finish_reason: 'stop' },
    ]) +
      frame([], { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }) +
      'data: [DONE]\n\n',
  )
  const embedding = Array.from({ length: 3_072 }, (_, at) => Math.sin(at) / 100)
  const data = Array.from({ length: 250 }, (_, index) => ({ object: 'embedding', index, embedding }))
  const vectors = Buffer.from(
    JSON.stringify({ object: 'list', data, model: 'm', usage: { prompt_tokens: 9, total_tokens: 9 } }),
  )
  const extra = Object.fromEntries(Array.from({ length: 500_000 }, (_, at) => [`k${at}`, at]))
  const members = Buffer.from(
    frame([{ index: 0, delta: { role: 'assistant', content: 'x', extra }, finish_reason: 'stop' }]) +
      frame([], { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }) +
      'data: [DONE]\n\n',
  )
  const server = createServer((req, res) => {
    let asked = ''
    req.setEncoding('utf8')
    req.on('data', (text: string) => {
      asked += text
    })
    req.once('end', () => {
      const streamed = req.url?.endsWith('/chat/completions')
      res.writeHead(200, { 'content-type': streamed ? 'text/event-stream' : 'application/json' })
      const body = streamed ? (asked.includes(MEMBERS) ? members : event) : vectors
      for (let at = 0; at < body.length; at += 65_536) res.write(body.subarray(at, at + 65_536))
      res.end()
    })
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
}

async function measure() {
  const upstream = fork(new URL(import.meta.url))
  const [port] = (await once(upstream, 'message')) as [number]
  const options = { baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'bench' }
  const bare = new OpenAI(options)
  const client = createGatewayClient({ ...options, gateway: { policy: {}, redis: false } })
  const ways: [string, (of: OpenAI) => Promise<unknown>][] = [
    ['an event of 16 MiB', (of) => readStream(of, 'x')],
    ['an event of 500,000 members', (of) => readStream(of, MEMBERS)],
    [
      'embeddings of 16 MB',
      async (of) =>
        await of.embeddings.create({ model: 'm', input: Array(250).fill('x'), encoding_format: 'float' }),
    ],
  ]
  for (const [name, run] of ways) {
    const taken = { bare: Number.POSITIVE_INFINITY, gateway: Number.POSITIVE_INFINITY }
    for (let round = 0; round < ROUNDS; round += 1) {
      taken.bare = Math.min(taken.bare, await cpuOf(() => run(bare)))
      taken.gateway = Math.min(
        taken.gateway,
        await cpuOf(async () => {
          await run(client)
          await client.gateway.flush()
        }),
      )
    }
    const times = taken.gateway / taken.bare
    console.log(
      `${name}: bare ${taken.bare.toFixed(3)} s CPU, gateway ${taken.gateway.toFixed(3)} s, ${times.toFixed(2)} times`,
    )
    if (times > MOST) process.exitCode = 1
  }
  upstream.kill()
  await client.gateway.close()
}

async function readStream(of: OpenAI, content: string): Promise<number> {
  let said = 0
  const asked = { model: 'm', messages: [{ role: 'user' as const, content }], stream: true as const }
  for await (const chunk of await of.chat.completions.create(asked))
    said += chunk.choices[0]?.delta.content?.length ?? 0
  return said
}

/** Seconds of CPU; the least of several rounds, to which whatever else runs here only adds. */
async function cpuOf(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}
