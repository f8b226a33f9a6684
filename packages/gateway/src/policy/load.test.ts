import { expect, test } from 'vitest'
import { checkPolicy } from './load.ts'

test('a team, model or agent of the name __proto__ is refused, not dropped', () => {
  for (const text of [
    '{"teams":{"__proto__":{"agents":["a"],"usdPerDay":1}}}',
    '{"models":{"__proto__":{"input":1,"output":1}}}',
    '{"teams":{"a":{"__proto__":{"usdPerDay":1}}}}',
  ])
    expect(() => checkPolicy(JSON.parse(text), 'policy')).toThrow(
      /__proto__: is no name for a part of a policy/,
    )
})

test('a policy that contains itself is refused by the schema, without an endless search', () => {
  const policy: Record<string, unknown> = {}
  policy.teams = policy
  expect(() => checkPolicy(policy, 'policy')).toThrow(/policy\.teams/)
})

test('one refusal names all faults: a wrong time zone hides no agent in two teams', () => {
  const policy = {
    timezone: 'Mars/Base',
    teams: { a: { agents: ['x'], rpm: 1.5 }, b: { agents: ['x'], requireKey: true }, c: 7 },
  }
  expect(() => checkPolicy(policy, '')).toThrow(
    expect.objectContaining({
      message: [
        'timezone: must be an IANA time zone such as "UTC" or "Europe/Berlin"',
        'teams.a.rpm: must be a whole number',
        'teams.c: must be an object',
        'teams.b.agents: agent "x" is in two teams, a and b',
        "teams.b.keys: requireKey is set, so list at least one key's SHA-256",
      ].join('\n'),
    }),
  )
})

test.each([
  [{ cache: { semantic: { errorBudget: 2 } } }, 'cache.semantic.errorBudget: must be from 0 to 1'],
  [{ cache: { semantic: { threshold: -1 } } }, 'cache.semantic.threshold: must be from 0 to 1'],
  [{ agents: { a: { priority: 10 } } }, 'agents.a.priority: must be a whole number from 0 to 9'],
  [
    { teams: { a: { onRedisUnavailable: { leased: 0.6 } } } },
    'teams.a.onRedisUnavailable.leased: must be from 0 to 0.5',
  ],
  [{ cache: { exact: 5 } }, 'cache.exact: must be false or an object'],
  [{ agents: { a: { disabled: 'yes' } } }, 'agents.a.disabled: must be true'],
  [{ teams: { a: { models: 'm' } } }, 'teams.a.models: must be an array'],
  [{ streamUsage: 'no' }, 'streamUsage: must be one of "openai", "always", "never"'],
])('an error names what is valid: %j', (policy, message) => {
  expect(() => checkPolicy(policy, '')).toThrow(expect.objectContaining({ message }))
})
