import type { GatewayOptions } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { embedder } from '../semantic-embedder.ts'
import { ask, setup } from '../support.ts'
import { ORIGINAL, REWORDED, SECRET } from './semantic-kit.ts'

test("HotDash's policy, as it ships, serves support nothing by meaning: it tells what it would have", async () => {
  const { client, records, upstream } = await setup({ cache: { semantic: { embedder } } })
  for (const question of [ORIGINAL, REWORDED]) {
    await client.chat.completions.create(ask(question))
    await client.gateway.flush()
  }
  expect(
    upstream.requests.filter(({ text }) => text.includes('"role":"user"') && !text.includes('asked_now')),
  ).toHaveLength(2)
  expect(records.filter(({ purpose }) => purpose === undefined).map(({ cache }) => cache)).toEqual([
    'miss',
    'miss',
  ])
})

test('what may not be shared between equal questions is not shared between similar ones', async () => {
  const options = (cache: object): GatewayOptions => ({
    policy: { cache: { semantic: { mode: 'on', threshold: 0.5, judge: false }, ...cache } },
    cache: { semantic: { embedder, secret: SECRET } },
  })
  const bodies: [object, object, string][] = [
    [{ web_search_options: {} }, {}, 'looks-at-the-world'],
    [{ store: true }, {}, 'stored-upstream'],
    [{}, { sharedBetweenUsers: false }, 'no-user'],
  ]
  for (const [more, cache, reason] of bodies) {
    const { client, records } = await setup(options(cache))
    for (const question of [ORIGINAL, REWORDED]) {
      await client.chat.completions.create({ ...ask(question), ...more })
      await client.gateway.flush()
    }
    expect(records.map(({ cache }) => cache)).toEqual(['bypass', 'bypass'])
    expect(records[1]?.semantic).toMatchObject({ outcome: 'ineligible', reason })
  }
})

test('where users are kept apart, one finds nothing by meaning that another was told, and finds its own', async () => {
  const { client, records } = await setup({
    policy: { cache: { sharedBetweenUsers: false, semantic: { mode: 'on', threshold: 0.9, judge: false } } },
    cache: { semantic: { embedder, secret: SECRET } },
  })
  for (const [question, session] of [
    [ORIGINAL, 'T-1'],
    [REWORDED, 'T-2'],
    [REWORDED, 'T-1'],
  ] as const) {
    await client.chat.completions.create(ask(question), { headers: { 'x-gateway-session': session } })
    await client.gateway.flush()
  }
  expect(records.map(({ cache }) => cache)).toEqual(['miss', 'miss', 'semantic'])
})
