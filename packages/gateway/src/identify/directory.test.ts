import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { Caller } from '../core/caller.ts'
import type { CachePolicy } from '../core/policy.ts'
import { createDirectory } from './directory.ts'

type Layer = false | CachePolicy | undefined

function callerUnder([policy, team, agent]: [Layer, Layer, Layer]): Caller {
  const cacheOf = (cache: Layer) => (cache === undefined ? {} : { cache })
  const who = createDirectory(
    {
      ...cacheOf(policy),
      teams: { t: { agents: ['a'], ...cacheOf(team) } },
      agents: { a: cacheOf(agent) },
    },
    () => undefined,
    () => 'embedded',
  )
  return who({ agent: 'a', key: undefined, team: undefined })
}

const SAID = [undefined, false, true] as const
const combinations = SAID.flatMap((outer) =>
  SAID.flatMap((middle) => SAID.map((inner) => [outer, middle, inner] as const)),
)

/** Of each switch: what a caller is told where nothing is said, and what of it. */
const switches = {
  shared: { usually: false, of: (caller: Caller) => caller.crossTeamCache },
  sharedBetweenAccounts: { usually: false, of: (caller: Caller) => caller.accountsShare },
  sharedBetweenUsers: { usually: true, of: (caller: Caller) => !caller.perUser },
} as const

test.each(
  Object.entries(switches).flatMap(([name, it]) => combinations.map((said) => [name, said, it] as const)),
)(
  'cache.%s, said by policy, team and agent %j: one false is enough, wherever it is said',
  (name, said, { usually, of }) => {
    const layers = said.map((value) => (value === undefined ? undefined : { [name]: value })) as [
      Layer,
      Layer,
      Layer,
    ]
    const expected = said.includes(false) ? false : said.includes(true) ? true : usually
    expect(of(callerUnder(layers))).toBe(expected)
  },
)

test.each(combinations)('exact and semantic, switched off by %j, %j or %j, are off', (...said) => {
  for (const kind of ['exact', 'semantic'] as const) {
    const on = kind === 'exact' ? { exact: { ttlSeconds: 9 } } : { semantic: { mode: 'on' as const } }
    const layers = said.map((value) =>
      value === undefined ? undefined : value ? on : { [kind]: false },
    ) as [Layer, Layer, Layer]
    const isOn = !said.includes(false) && (kind === 'exact' || said.includes(true))
    expect(callerUnder(layers)[kind] !== undefined, kind).toBe(isOn)
  }
})

test.each([0, 1, 2])('a layer (%i) without any cache shares nothing', (at) => {
  const layers: [Layer, Layer, Layer] = [{ shared: true }, { shared: true }, { shared: true }]
  layers[at] = false
  expect(callerUnder(layers)).toMatchObject({ cacheable: false, crossTeamCache: false })
})

test('no claim passes for another one, whatever is in its names', () => {
  const part = fc.option(fc.stringMatching(/^[a:1\n-]{0,4}$/), { nil: undefined })
  const claims = fc.record({ agent: part, key: part, team: part })
  const who = createDirectory(
    { teams: { t: { keys: ['0'.repeat(64)] } } },
    () => undefined,
    () => 'embedded',
  )
  fc.assert(
    fc.property(fc.array(claims, { minLength: 1, maxLength: 20 }), (asked) => {
      for (const claim of asked) {
        const caller = who(claim)
        expect(caller.agent).toBe(claim.agent ?? 'default')
        expect(caller.refusal?.code).toBe(claim.key === undefined ? undefined : 'gateway_unknown_key')
      }
    }),
    { numRuns: runs(100) },
  )
})

test('the refusal of a disabled agent names what disables it: a switch, or the policy', () => {
  const agents = { a: { disabled: true }, b: { disabled: true } } as const
  const who = createDirectory(
    { agents, teams: { t: { agents: ['a', 'b'] } } },
    () => undefined,
    () => 'embedded',
    (agent) => agent === 'a',
  )
  const refusalOf = (agent: string) => who({ agent, key: undefined, team: undefined }).refusal
  expect(refusalOf('a')).toMatchObject({
    code: 'gateway_agent_off',
    message: expect.stringContaining('llm-gateway switch agent a on'),
  })
  expect(refusalOf('b')).toMatchObject({
    code: 'gateway_agent_off',
    message: expect.stringContaining('agents["b"].disabled'),
  })
})
