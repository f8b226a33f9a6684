import {
  type CallRecord,
  createGatewayClient,
  type GatewayClient,
  type GatewayOptions,
} from '@hotdash/llm-gateway'
import { type FakeOpenAI, type FakeRequest, type Fault, startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { randomOf } from '../random.ts'
import { count, inputOf, nano, policy, TEAMS, type Team, UNLIMITED, worstOf } from './kit.ts'
import { price } from './prices.ts'
import { answerOf, askRare, chargeOf, isRare, RARE, type Rare, type RareKind, rareOf } from './rare.ts'

/** Billionths of a dollar of each team. */
export type Dollars = Record<Team, number>

export const none = (): Dollars => ({ one: 0, two: 0, three: 0 })

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

/** What the fake says to a question, and what it charges. */
type Said = { text: string; input: number; output: number; cached: number }
type Trouble = 'none' | 'busy' | 'cut' | 'end' | 'error-event' | 'malformed' | 'left' | 'reset' | 'timeout'
type Kind = 'chat' | 'stream' | 'told stream' | 'responses' | 'responses stream' | 'embedding' | RareKind
type Asked = {
  content: string
  team: Team | typeof UNLIMITED.name
  agent: string
  kind: Kind
  model: string
  trouble: Trouble
  broken: number
  rare?: Rare
}

/** Far longer than any answer takes, on a machine that is busy as well: only what hangs is given up. */
const PATIENCE_MS = 1_000
const WORDS = 'the order left on tuesday and should arrive before friday unless it rains all week'.split(' ')
const USUAL: Kind[] = ['chat', 'stream', 'told stream', 'responses', 'responses stream', 'embedding']
const KINDS: Kind[] = [...USUAL, ...USUAL, ...RARE]
const BREAKS: Trouble[] = ['cut', 'end', 'error-event', 'malformed', 'left']

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

/** Upstream said what it bills: the usage came, or a refusal. */
const isTold = ({ kind }: Asked, trouble: Trouble) =>
  trouble === 'busy' || (trouble === 'none' && kind !== 'stream')

/** Of a chat call, as the client wrote it. */
const worstFor = ({ model, body }: FakeRequest, call: Asked): number =>
  worstOf({ ...(body as Parameters<typeof worstOf>[0]), ...{ model: call.model } }, model)

/** Returns the cost of a request that met this trouble; `undefined`: upstream does not report it. */
function billFor(
  { model }: FakeRequest,
  call: Asked,
  trouble: Trouble,
  said: Said | undefined,
): number | undefined {
  const { content, kind, broken, rare } = call
  if (trouble === 'busy' || trouble === 'reset') return 0
  if (rare !== undefined) return chargeOf(rare, model)
  if (kind === 'embedding') return price(model, { input: count(content) })
  const input = inputOf(content)
  if (trouble === 'timeout') return price(model, { input })
  if (said === undefined) throw new Error(`nobody answered ${content}`)
  // The first chunk brings the role, and each of the others a word with the space before it.
  if (trouble === 'left') return price(model, { input, output: count('') })
  if (trouble !== 'none')
    return price(model, {
      input,
      output: count(
        said.text
          .split(' ')
          .slice(0, broken - 1)
          .join(' '),
      ),
    })
  return kind === 'stream' ? price(model, { input, output: count(said.text) }) : price(model, said)
}

function faultOf({ trouble, broken }: Asked): Fault | undefined {
  if (trouble === 'none') return undefined
  if (trouble === 'busy') return { type: 'status', status: 500, headers: { 'retry-after-ms': '1' } }
  if (trouble === 'reset') return { type: 'reset' }
  if (trouble === 'timeout') return { type: 'hang' }
  if (trouble === 'left') return { type: 'hang', after: 'headers' }
  return { type: trouble, afterChunks: broken }
}

function saying({ content }: Asked, random: () => number): Said {
  const words = Array.from(
    { length: 8 + Math.floor(random() * 20) },
    () => WORDS[Math.floor(random() * WORDS.length)],
  )
  const input = 1 + Math.floor(random() * 5_000)
  return {
    text: words.join(' '),
    input: input + content.length,
    output: words.length + Math.floor(random() * 1_500),
    cached: random() < 0.3 ? Math.floor(random() * input) : 0,
  }
}

const idIn = (text: string) => /<(?:one|two|three|unlimited) \d+>/.exec(text)?.[0]

/** Plain digits with up to nine decimals, in billionths. */
function nanoIn(text: string | null): number {
  if (text === null) return 0
  const [, whole = '', decimals = ''] = /^(\d+)\.(\d{1,9})$/.exec(text) ?? []
  if (whole === '') throw new Error(`${text} is no amount in plain digits`)
  return Number(whole + decimals.padEnd(9, '0'))
}

function askedIn({ text }: FakeRequest, asked: Map<string, Asked>): Asked {
  const call = asked.get(idIn(text) ?? '')
  if (call === undefined) throw new Error(`nobody asked ${text}`)
  return call
}

/** `leaves`: at the first chunk. */
async function drain(stream: AsyncIterable<unknown>, leaves = false) {
  for await (const _ of stream) if (leaves) break
}

export function dollarsOf(records: readonly CallRecord[]): Dollars {
  const sums = none()
  for (const { team, costUsd } of records) if (team !== UNLIMITED.name) sums[team as Team] += nano(costUsd)
  return sums
}
