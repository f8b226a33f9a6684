import { createGatewayClient, type GatewayOptions } from '@hotdash/llm-gateway'
import { normalised } from '#src/semantic/index/quantise.ts'
import { completion, inMemory } from '../completion.ts'
import { median, µs } from './questions.ts'

export const DIMS = 256
const WORDS = 'ash birch cedar elm fir hazel larch lime maple oak pine rowan spruce walnut willow yew'.split(
  ' ',
)

/** A question of its own for each number, in words, and in other words. */
const woods = (at: number) =>
  [0, 4, 8, 12, 16].map((shift, place) => `${WORDS[(at >> shift) & 15]}${'abcde'[place]}`).join(' and ')
export const question = (at: number) => `Do you sell the chairs made of ${woods(at)}?`
export const reworded = (at: number) => `Do you sell chairs made of ${woods(at)}?`

/** A direction for each word, seven times as much for rare ones: in memory, and with next to no work. */
const directions = new Map<string, Float32Array>()
function directionOf(word: string): Float32Array {
  const known = directions.get(word)
  if (known !== undefined) return known
  let state = 7
  for (const unit of word) state = Math.imul(state ^ (unit.codePointAt(0) ?? 0), 0x01000193)
  const weight = word.length < 6 && !WORDS.some((wood) => word.startsWith(wood)) ? 0.2 : 1
  const made = Float32Array.from({ length: DIMS }, (_, at) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5 + at
    return (((state ^ (state >>> 13)) | 0) / 2 ** 31) * weight
  })
  directions.set(word, made)
  return made
}

export function vectorOf(text: string): Float32Array {
  const sum = new Float32Array(DIMS)
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    const direction = directionOf(word)
    for (let at = 0; at < DIMS; at += 1) sum[at] = (sum[at] ?? 0) + (direction[at] ?? 0)
  }
  return normalised(sum) ?? sum
}

export const embedder = {
  id: 'bench',
  dimensions: DIMS,
  embed: async (texts: readonly string[]) => texts.map(vectorOf),
}

const upstream = inMemory(completion('Yes, and they are made to last. '.repeat(12), 25))

function clientOf(semantic: false | 'on') {
  const gateway: GatewayOptions = {
    agent: 'bench',
    quota: false,
    redis: false,
    policy: {
      teams: { bench: { agents: ['bench'] } },
      cache: semantic === false ? {} : { semantic: { mode: 'on', threshold: 0.5, judge: false } },
    },
    cache: {
      exact: { maxBytes: 256 * 1024 * 1024 },
      semantic: { embedder, secret: 'a secret for the bench', maxBytes: 1024 * 1024 * 1024 },
    },
  }
  return createGatewayClient({ baseURL: 'http://127.0.0.1:1/v1', apiKey: 'bench', fetch: upstream, gateway })
}

const asked = (content: string) => ({ model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] })

/** What a hit by meaning adds to an exact one, beside making the vector; what having it on adds to an exact one. */
export async function measureCalls(entries: number, calls: number): Promise<string[]> {
  const [on, off] = [clientOf('on'), clientOf(false)]
  for (let at = 0; at < entries; at += 1) {
    await on.chat.completions.create(asked(question(at)))
    if (at % 500 === 499) await on.gateway.flush(60_000)
  }
  await on.gateway.flush(60_000)
  const times = {
    semantic: [] as number[],
    again: [] as number[],
    exactOn: [] as number[],
    exactOff: [] as number[],
    embed: [] as number[],
  }
  const step = Math.max(1, Math.floor(entries / (calls * 2)))
  for (const client of [on, off]) await client.chat.completions.create(asked(question(0)))
  for (let call = -50; call < calls; call += 1) {
    const at = ((call + 50) * step) % entries
    const list = <T>(times: T[]) => (call < 0 ? [] : times)
    for (const found of [times.semantic, times.again]) {
      const start = performance.now()
      const { response } = await on.chat.completions.create(asked(reworded(at)), noStore).withResponse()
      const took = performance.now() - start
      if (response.headers.get('x-gateway-cache') === 'semantic') list(found).push(took)
    }
    list(times.embed).push(await timed(() => embedder.embed([reworded(at)])))
    const exact = [
      { found: times.exactOn, client: on },
      { found: times.exactOff, client: off },
    ]
    // The first client of a round finds other data in the processor's caches, so the order alternates.
    for (const { found, client } of call % 2 === 0 ? exact : exact.toReversed())
      list(found).push(await timed(() => client.chat.completions.create(asked(question(0)))))
  }
  const of = (list: number[]) => µs(median(list))
  const beyond = (list: number[]) => µs(median(list) - median(times.embed) - median(times.exactOn))
  await Promise.all([on, off].map((client) => client.gateway.close()))
  return [
    `Calls through the real client among ${entries.toLocaleString('en')} x ${DIMS} in this process, medians in microseconds (${times.semantic.length} of ${calls} were hits by meaning):`,
    `  exact hit, semantic cache off                        ${of(times.exactOff)}`,
    `  exact hit, semantic cache on                         ${of(times.exactOn)}`,
    `  the vector (in memory)                               ${of(times.embed)}`,
    `  hit by meaning, its neighbours read the first time   ${of(times.semantic)}; beyond an exact hit and the vector ${beyond(times.semantic)}`,
    `  hit by meaning, its neighbours read before           ${of(times.again)}; beyond an exact hit and the vector ${beyond(times.again)} (goal: at most 1000)`,
  ]
}

// Found by meaning each time: an exact copy would be found first.
const noStore = { headers: { 'x-gateway-cache': 'no-store' } }

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
