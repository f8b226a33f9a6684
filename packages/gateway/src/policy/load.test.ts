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
