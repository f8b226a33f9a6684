import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { CachePolicy, Policy } from '../core/policy.ts'
import { createDirectory } from '../identify/directory.ts'
import { applySwitches } from './apply-switches.ts'
import { hotdash } from './hotdash.ts'
import type { Switches } from './live/live.ts'

const AGENTS = ['support', 'seo', 'ads', 'stranger']
const TEAMS = ['a', 'b']
const MODES = ['embedded', 'litellm', 'direct'] as const

const record = <T extends object>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) =>
  fc.record(model, { requiredKeys: [] }) as unknown as fc.Arbitrary<Partial<T>>

const semantic = fc.oneof(
  fc.constant(false as const),
  record({ mode: fc.constantFrom('off', 'shadow', 'auto', 'on'), threshold: fc.constant(0.9) }),
)
const layer: fc.Arbitrary<false | CachePolicy> = fc.oneof(
  { weight: 1, arbitrary: fc.constant(false as const) },
  {
    weight: 6,
    arbitrary: record({ semantic, exact: fc.constant({ ttlSeconds: 5 }) }) as fc.Arbitrary<CachePolicy>,
  },
)
const limits = record({ rpm: fc.integer({ min: 1, max: 99 }), usdPerDay: fc.constant(3) })
const KEY = '5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8' // of "password"
const team = (agents: string[], keys: string[]) =>
  fc.record(
    {
      agents: fc.subarray(agents),
      cache: layer,
      rpm: fc.constant(7),
      models: fc.constant(['m']),
      keys: fc.constant(keys),
      requireKey: fc.boolean(),
    },
    { requiredKeys: ['agents', 'keys'] },
  )
const policies = record({
  mode: fc.constantFrom(...MODES),
  cache: layer,
  teams: fc.record({ a: team(['support', 'seo'], [KEY]), b: team(['ads'], []) }),
  agents: fc.dictionary(
    fc.constantFrom(...AGENTS),
    record({ cache: layer, mode: fc.constantFrom(...MODES), priority: fc.constant(3) }),
  ),
  routing: fc.constant({ default: 'm', aliases: { m: 'n' } }),
}) as unknown as fc.Arbitrary<Policy>
const caches = { cache: fc.constant('off' as const), semantic: fc.constantFrom('off', 'shadow') }
const switches = record({
  mode: fc.constantFrom(...MODES),
  ...caches,
  agents: fc.dictionary(
    fc.constantFrom(...AGENTS),
    record({ mode: fc.constantFrom(...MODES), off: fc.constant(true as const), ...caches }),
  ),
  teams: fc.dictionary(fc.constantFrom(...TEAMS, 'unknown'), limits),
  models: fc.dictionary(fc.constantFrom('m', 'x'), fc.constantFrom('n', 'm')),
}) as unknown as fc.Arbitrary<Switches>
const lives = fc.record({ version: fc.constant(1), policy: policies, switches })

/** As calls see it: for each agent, without a key and with that of team `a`. */
const callers = (policy: Policy) => {
  const who = createDirectory(
    policy,
    () => undefined,
    () => 'embedded',
  )
  return AGENTS.flatMap((agent) => [undefined, 'password'].map((key) => who({ agent, key, team: undefined })))
}
const RANK = { off: 0, shadow: 1, auto: 2, on: 3 }

test('without switches it is the policy itself', () => {
  fc.assert(
    fc.property(policies, (policy) => applySwitches({ version: 1, policy, switches: {} }) === policy),
    { numRuns: runs(100) },
  )
})

test('applied twice is applied once, and nothing given is changed', () => {
  fc.assert(
    fc.property(lives, (live) => {
      const before = structuredClone(live)
      const policy = applySwitches(live)
      expect(applySwitches({ ...live, policy })).toEqual(policy)
      expect(live).toEqual(before)
    }),
    { numRuns: runs(100) },
  )
})

test('no switch opens a door: keys, allow-lists, members and paid paths stay as they are', () => {
  fc.assert(
    fc.property(lives, (live) => {
      const after = applySwitches(live)
      const doors = ({ teams = {}, paidPassThrough, models }: Policy) => [
        Object.entries(teams).map(([name, { agents, keys, requireKey, models }]) => [
          name,
          agents,
          keys,
          requireKey,
          models,
        ]),
        paidPassThrough,
        models,
      ]
      expect(doors(after)).toEqual(doors(live.policy))
      const [before, then] = [callers(live.policy), callers(after)]
      for (const [at, caller] of then.entries()) {
        if (caller.refusal?.code !== 'gateway_agent_off') expect(caller.refusal).toEqual(before[at]?.refusal)
        expect(caller.team).toBe(before[at]?.team)
        expect(caller.models).toEqual(before[at]?.models)
      }
    }),
    { numRuns: runs(100) },
  )
})

test('no switch switches a cache on, for anybody', () => {
  fc.assert(
    fc.property(lives, (live) => {
      const [before, then] = [callers(live.policy), callers(applySwitches(live))]
      for (const [at, caller] of then.entries()) {
        const earlier = before[at]
        const home = caller.team === earlier?.team && at % 2 === 0
        if (earlier?.exact === undefined) expect(caller.exact).toBeUndefined()
        const rank = RANK[caller.semantic?.mode ?? 'off']
        if (home) expect(rank).toBeLessThanOrEqual(RANK[earlier?.semantic?.mode ?? 'off'])
        // Who shows another team's key may be shadowed there, which serves nothing.
        else expect(rank).toBeLessThanOrEqual(Math.max(1, RANK[earlier?.semantic?.mode ?? 'off']))
      }
    }),
    { numRuns: runs(500) },
  )
})

test('what is switched off serves no caller, and neither does what is in shadow', () => {
  fc.assert(
    fc.property(lives, ({ switches, ...live }) => {
      for (const caller of callers(applySwitches({ ...live, switches }))) {
        const own = switches.agents?.[caller.agent]
        if (caller.refusal) continue
        if (switches.cache === 'off' || own?.cache === 'off') expect(caller.cacheable).toBe(false)
        const asked = [switches.semantic, own?.semantic]
        if (asked.includes('off')) expect(caller.semantic).toBeUndefined()
        if (asked.includes('shadow')) expect(['auto', 'on']).not.toContain(caller.semantic?.mode)
      }
    }),
    { numRuns: runs(500) },
  )
})

test('the mode of an agent is its own switch, or the one for all, or the policy says', () => {
  fc.assert(
    fc.property(lives, ({ switches, policy, version }) => {
      const after = applySwitches({ switches, policy, version })
      for (const agent of AGENTS) {
        const modeIn = ({ agents, mode }: Policy) => agents?.[agent]?.mode ?? mode
        const own = switches.agents?.[agent]?.mode
        expect(modeIn(after)).toBe(own ?? switches.mode ?? modeIn(policy))
      }
    }),
    { numRuns: runs(100) },
  )
})

test('limits are those of teams that are there, models those that were named', () => {
  const policy = applySwitches({
    version: 1,
    policy: hotdash,
    switches: {
      teams: { prod_ceo: { rpm: 30 }, unknown: { rpm: 1 } },
      models: { 'gpt-4o': 'gpt-4o-mini' },
      agents: { seo: { disabled: true } },
    },
  })
  expect(policy.teams?.prod_ceo).toEqual({ ...hotdash.teams.prod_ceo, rpm: 30 })
  expect(Object.keys(policy.teams ?? {})).toEqual(Object.keys(hotdash.teams))
  expect(policy.routing).toEqual({ ...hotdash.routing, aliases: { 'gpt-4o': 'gpt-4o-mini' } })
  expect(policy.agents?.seo).toEqual({ priority: 6, disabled: true })
})
