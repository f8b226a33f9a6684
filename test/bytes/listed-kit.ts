import { expect } from 'vitest'
import { clientsOf, wireOf } from '../hostile/wire.ts'
import { byChunk, bySdk, four } from './readings.ts'

export const ASK = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content: 'x' }] }

/** Nothing that came from upstream has changed what all objects have. */
export function expectUnpolluted() {
  expect(({} as { polluted?: string }).polluted).toBeUndefined()
  expect(Object.keys(Object.prototype)).toEqual([])
}

/** Each of them as the bare client makes it; `calls`: 1 where it is stored, 2 where it is asked for again. */
export async function told(body: Parameters<typeof four>[0], calls: number) {
  for (const read of [byChunk, bySdk]) {
    const { expected, calls: asked, ...seen } = await four(body, read)
    expect(seen).toEqual({ miss: expected, hit: expected, follower: expected, late: expected })
    expect(asked).toBe(calls)
  }
}

export async function textOf(body: Parameters<typeof wireOf>[0]) {
  const wire = wireOf(body)
  const { client } = clientsOf(wire)
  const ask = async () => {
    let said = ''
    for await (const each of await client.chat.completions.create({ ...ASK, stream: true }))
      said += each.choices[0]?.delta.content ?? ''
    return said
  }
  const first = await ask()
  await client.gateway.flush()
  const again = await ask()
  const whole = await client.chat.completions.create(ASK)
  return { first, again, whole: whole.choices[0]?.message, calls: wire.calls() }
}
