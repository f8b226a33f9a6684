import type { Side } from './sides.ts'
import { type Answer, dial, type Wire } from './wire.ts'

export type Kind = 'miss' | 'hit' | 'stream'

/** Milliseconds of single calls. */
export type Times = { ms: number[]; firstMs: number[] }
/** What came of a load: calls a second, and the milliseconds of each. */
export type Load = { perSecond: number; ms: number[] }

const PROMPT = 'The customer asks about order 1234. '.repeat(28)
let asked = 0

/** A new question each time, but for hits. */
export function requestOf({ key }: Side, kind: Kind): string {
  asked += 1
  const content = kind === 'hit' ? PROMPT : `${PROMPT}${asked}`
  const body = JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content }],
    ...(kind === 'stream' && { stream: true }),
  })
  const head = [
    'POST /v1/chat/completions HTTP/1.1',
    'host: 127.0.0.1',
    `authorization: Bearer ${key}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** @throws if it was not answered, or from where it should not be. */
export async function askOnce(wire: Wire, side: Side, kind: Kind): Promise<Answer> {
  const answer = await wire.ask(requestOf(side, kind))
  const status = answer.head.slice(9, 12)
  if (status !== '200') throw new Error(`${side.name}: ${kind}: ${answer.head}`)
  if (side.name !== 'bare upstream' && side.isHit(answer.head) !== (kind === 'hit'))
    throw new Error(`${side.name}: this should be a ${kind}: ${answer.head}`)
  return answer
}

/** One call after another, each side in turn. */
export async function latencies(
  sides: Side[],
  kind: Kind,
  calls: number,
  random: () => number,
): Promise<Map<Side, Times>> {
  const wires = new Map<Side, Wire>()
  const times = new Map<Side, Times>()
  for (const side of sides) {
    wires.set(side, await dial(side.port))
    times.set(side, { ms: [], firstMs: [] })
  }
  for (let call = 0; call < calls; call += 1)
    for (const side of shuffled(sides, random)) {
      const { ms, firstMs } = await askOnce(wires.get(side) as Wire, side, kind)
      times.get(side)?.ms.push(ms)
      times.get(side)?.firstMs.push(firstMs)
    }
  for (const wire of wires.values()) wire.close()
  return times
}

/** Sends calls over `atOnce` connections for `forMs` milliseconds. */
export async function load(side: Side, kind: Kind, atOnce: number, forMs: number): Promise<Load> {
  const wires = await Promise.all(Array.from({ length: atOnce }, () => dial(side.port)))
  const ms: number[] = []
  const start = performance.now()
  await Promise.all(
    wires.map(async (wire) => {
      while (performance.now() - start < forMs) ms.push((await askOnce(wire, side, kind)).ms)
    }),
  )
  const seconds = (performance.now() - start) / 1_000
  for (const wire of wires) wire.close()
  return { perSecond: ms.length / seconds, ms }
}

/** Until it is as fast as it gets: code compiled, connections open, the answer of hits in its cache. */
export async function warmUp(side: Side, calls: number): Promise<void> {
  const wires = await Promise.all(Array.from({ length: 8 }, () => dial(side.port)))
  for (const kind of ['miss', 'stream'] as const)
    await Promise.all(
      wires.map(async (wire) => {
        for (let call = 0; call < calls / 8 / (kind === 'stream' ? 16 : 1); call += 1)
          await askOnce(wire, side, kind)
      }),
    )
  // The first one asks upstream; LiteLLM keeps it a little later, and each of its workers for itself.
  for (const wire of wires) {
    await wire.ask(requestOf(side, 'hit'))
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
  await Promise.all(
    wires.map(async (wire) => {
      for (let call = 0; call < calls / 8; call += 1) await wire.ask(requestOf(side, 'hit'))
    }),
  )
  for (const wire of wires) wire.close()
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

export function quantile(values: number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
