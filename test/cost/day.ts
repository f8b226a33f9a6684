import {
  type CallRecord,
  createGatewayClient,
  type GatewayClient,
  type GatewayOptions,
} from '@hotdash/llm-gateway'
import { type FakeOpenAI, type FakeRequest, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { randomOf } from '../random.ts'
import {
  type Asked,
  askedIn,
  BREAKS,
  faultOf,
  idIn,
  KINDS,
  type Kind,
  type Said,
  saying,
  type Trouble,
  WORDS,
} from './asked.ts'
import { billFor, type Dollars, isTold, nanoIn, none, worstFor } from './bills.ts'
import { policy, TEAMS, type Team, UNLIMITED } from './kit.ts'
import { answerOf, askRare, isRare, rareOf } from './rare.ts'

export type Day = {
  client: GatewayClient
  upstream: FakeOpenAI
  records: CallRecord[]
  /** What upstream would bill, by its own log and by nothing that the gateway says. */
  billed: Dollars
  /** What is out of reach of the budgets: the bill where upstream told it, and else the worst case. */
  held: Dollars
  /** Answers without a known cost. */
  unpriced: number
  /** Sums of what the headers of whole answers say, in billionths. */
  headers: { cost: number; saved: number }
  /** Calls of each kind of trouble, for a test to see that it had some. */
  troubles: Record<string, number>
  close: () => Promise<void>
}

export type Plan = {
  seed: number
  calls: number
  /** Adds failures after which the client cannot know what upstream did: their cost stays unconfirmed. */
  doubts: boolean
  gateway?: GatewayOptions
}

/** Far longer than any answer takes, on a machine that is busy as well: only what hangs is given up. */
const PATIENCE_MS = 1_000

/** A day of random calls: all kinds of prices, nine kinds of trouble, hits, twins in flight, retries and failovers. */
export async function liveThrough({ seed, calls, doubts, gateway }: Plan): Promise<Day> {
  const random = randomOf(seed)
  const asked = new Map<string, Asked>()
  const said = new Map<FakeRequest, Said>()
  const troubles: Record<string, number> = {}

  const upstream = await startFakeOpenAI({
    tokens: 'exact',
    latencyMs: 1,
    answer(request) {
      const words = saying(askedIn(request, asked), random)
      said.set(request, words)
      const { text, input, output, cached } = words
      const { rare } = askedIn(request, asked)
      if (rare !== undefined) return answerOf(rare, text)
      return { text, usage: { input, output, cached } }
    },
  })
  const records: CallRecord[] = []
  const client = createGatewayClient({
    baseURL: upstream.baseURL,
    apiKey: 'test-key',
    logLevel: 'off',
    gateway: {
      policy: { ...policy, streamUsage: 'never' },
      onCall: (record) => void records.push(record),
      ...gateway,
    },
  })

  let number = 0
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T

  function plan(): Asked {
    const kind = pick(KINDS)
    const budgeted = pick(Object.keys(TEAMS) as Team[])
    const team = kind === 'searched' ? UNLIMITED.name : budgeted
    const trouble = troubleFor(kind)
    const rare = isRare(kind) ? rareOf(kind, random) : undefined
    number += 1
    return {
      team,
      agent: kind === 'searched' ? UNLIMITED.agent : pick<string>(TEAMS[budgeted]),
      kind,
      ...(rare === undefined ? {} : { rare }),
      // Breaks and partings are the stream's own; what is routed may fail over.
      model:
        rare?.model ?? (kind === 'embedding' ? 'text-embedding-3-large' : pick(['gpt-4o-mini', 'gpt-4o'])),
      trouble,
      broken: 1 + Math.floor(random() * 5),
      content: `<${team} ${number}> ${Array.from({ length: 1 + Math.floor(random() * 30) }, () => pick(WORDS)).join(' ')}`,
    }
  }

  function troubleFor(kind: Kind): Trouble {
    const luck = random()
    // The model that it fails over to has no price for sounds.
    if (luck < 0.6 || kind === 'heard') return 'none'
    if (luck < 0.7) return 'busy'
    if (doubts && luck < 0.75 && kind !== 'embedding') return 'reset'
    if (doubts && luck < 0.9 && kind === 'chat') return 'timeout'
    return kind === 'stream' || kind === 'told stream' ? pick(BREAKS) : 'none'
  }

  async function make(call: Asked) {
    troubles[call.trouble] = (troubles[call.trouble] ?? 0) + 1
    const fault = faultOf(call)
    const when = ({ text }: FakeRequest) => text.includes(call.content)
    if (fault !== undefined) upstream.fail(fault, { when })
    await askFor(call)
  }

  async function askFor(call: Asked): Promise<void> {
    asked.set(idIn(call.content) ?? '', call)
    const options = {
      headers: { 'x-gateway-agent': call.agent },
      ...(call.trouble === 'timeout' ? { timeout: PATIENCE_MS } : {}),
    }
    const { model, content, kind, rare } = call
    if (rare !== undefined) {
      tellHeaders(await askRare(client, rare, content, options))
    } else if (kind === 'embedding') {
      tellHeaders(
        (await client.embeddings.create({ model, input: content }, options).withResponse()).response,
      )
    } else if (kind === 'responses') {
      const body = { model, input: content, max_output_tokens: 2_000 }
      tellHeaders((await client.responses.create(body, options).withResponse()).response)
    } else if (kind === 'responses stream') {
      const body = { model, input: content, max_output_tokens: 2_000, stream: true } as const
      await drain(await client.responses.create(body, options))
    } else {
      const body = { model, messages: [{ role: 'user' as const, content }], max_tokens: 2_000 }
      if (kind === 'chat')
        tellHeaders((await client.chat.completions.create(body, options).withResponse()).response)
      else {
        const told = kind === 'told stream' ? { stream_options: { include_usage: true } } : {}
        const stream = await client.chat.completions.create({ ...body, ...told, stream: true }, options)
        await drain(stream, call.trouble === 'left')
      }
    }
  }

  const headers = { cost: 0, saved: 0 }

  function tellHeaders(response: Response | undefined) {
    if (response === undefined) return
    headers.cost += nanoIn(response.headers.get('x-gateway-cost-usd'))
    headers.saved += nanoIn(response.headers.get('x-gateway-saved-usd'))
  }

  const past: Asked[] = []
  for (let made = 0; made < calls; ) {
    const together = Array.from({ length: 1 + Math.floor(random() * 8) }, () => {
      // An earlier question is a hit, if its answer could be kept.
      if (past.length > 0 && random() < 0.25) return { ...pick(past), again: true }
      return { ...plan(), again: false }
    })
    // Twins share a flight.
    if (random() < 0.3) together.push({ ...(together[0] as Asked), again: true })
    await Promise.all(
      together.map(({ again, ...call }) => (again ? askFor(call) : make(call)).catch(() => undefined)),
    )
    for (const call of together) if (call.trouble === 'none' || call.trouble === 'busy') past.push(call)
    made += together.length
  }
  await client.gateway.flush()

  const [billed, held] = [none(), none()]
  let unpriced = 0
  const met = new Set<string>()
  for (const request of upstream.requests) {
    const call = askedIn(request, asked)
    const id = idIn(call.content) ?? ''
    const first = !met.has(id)
    met.add(id)
    const trouble = first ? call.trouble : 'none'
    const bill = billFor(request, call, trouble, said.get(request))
    if (bill === undefined) unpriced += 1
    else if (call.team !== UNLIMITED.name) {
      billed[call.team as Team] += bill
      held[call.team as Team] += isTold(call, trouble) ? bill : Math.max(bill, worstFor(request, call))
    }
  }
  return {
    client,
    upstream,
    records,
    billed,
    held,
    unpriced,
    headers,
    troubles,
    async close() {
      await client.gateway.close()
      await upstream.close()
    },
  }
}

/** `leaves`: at the first chunk. */
async function drain(stream: AsyncIterable<unknown>, leaves = false) {
  for await (const _ of stream) if (leaves) break
}
