import { expect, test } from 'vitest'
import { resolveSettings } from '#src/config/settings.ts'
import type { CachePolicy, Policy } from '#src/core/policy.ts'
import { createDirectory } from '#src/identify/directory.ts'
import { applySwitches } from '#src/policy/apply-switches.ts'
import type { Live, Switches } from '#src/policy/live/live.ts'
import { embedder } from './semantic-embedder.ts'
import { ask, setup } from './support.ts'

const RANK = { off: 0, shadow: 1, auto: 2, on: 3 } as const
type Mode = keyof typeof RANK
/** `false`: switched off for all that is inside; `undefined`: nothing is said. */
type Said = Mode | false | undefined
const MODES: Said[] = ['off', 'shadow', 'auto', 'on', false, undefined]
const SWITCHED = ['off', 'shadow', undefined] as const

const layer = (said: Said): { cache?: CachePolicy } => {
  if (said === undefined) return {}
  return { cache: { semantic: said === false ? false : { mode: said } } }
}

/** What is in force, worked out of the words alone. */
function expected(layers: Said[], caps: Said[]): Mode {
  const policy = layers.includes(false)
    ? 'off'
    : ((layers.findLast((said) => said !== undefined) || 'off') as Mode)
  const all = [policy, ...caps.map((cap) => (cap === false ? 'off' : (cap ?? 'on')))]
  return all.reduce((least, mode) => (RANK[mode] < RANK[least] ? mode : least), 'on' as Mode)
}

test.each(MODES)('a client that says %s widens nothing, whatever policy and switches say', (client) => {
  let tried = 0
  const { applyClientCacheOptions: narrow } = resolveSettings(
    { ...(client !== undefined && { cache: { semantic: client === false ? false : { mode: client } } }) },
    true,
  )
  for (const all of MODES)
    for (const team of MODES)
      for (const agent of MODES)
        for (const everywhere of SWITCHED)
          for (const own of SWITCHED) {
            const policy: Policy = {
              ...layer(all),
              teams: { t: { agents: ['a'], ...layer(team) } },
              agents: { a: layer(agent) },
            }
            const switches: Switches = {
              ...(everywhere && { semantic: everywhere }),
              ...(own && { agents: { a: { semantic: own } } }),
            }
            const who = createDirectory(
              narrow(applySwitches({ version: 1, policy, switches } as Live)),
              () => undefined,
              () => 'embedded',
            )
            const found = who({ agent: 'a', key: undefined, team: undefined }).semantic?.mode ?? 'off'
            const words = JSON.stringify({ all, team, agent, everywhere, own, client })
            expect(found, words).toBe(expected([all, team, agent], [everywhere, own, client]))
            tried += 1
          }
  expect(tried).toBe(6 ** 3 * 3 ** 2)
})

test.each([
  ['shadow', 'on', 'shadow-hit'],
  ['off', 'on', undefined],
  ['on', 'shadow', 'shadow-hit'],
  ['auto', 'shadow', 'shadow-hit'],
  ['auto', 'on', 'shadow-hit'],
  ['on', 'auto', 'shadow-hit'],
  ['shadow', 'auto', 'shadow-hit'],
  ['on', 'on', 'hit'],
  ['on', 'off', undefined],
] as const)('policy %s, client %s: %s', async (mode, client, outcome) => {
  const it = await setup({
    policy: { cache: { semantic: { mode, threshold: 0.9, judge: false } } },
    cache: { semantic: { embedder, mode: client } },
  })
  for (const question of [
    'Do you ship the wooden chairs to Norway?',
    'Do you ship wooden chairs to Norway?',
  ]) {
    await it.client.chat.completions.create(ask(question))
    await it.client.gateway.flush()
  }
  expect(it.records.at(-1)?.semantic?.outcome).toBe(outcome)
  expect(it.records.at(-1)?.cache).toBe(outcome === 'hit' ? 'semantic' : 'miss')
})
