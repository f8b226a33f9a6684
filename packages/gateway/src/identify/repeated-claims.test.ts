import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { createDirectory } from './directory.ts'

test('each claim is resolved on its own, whichever was resolved before', () => {
  const keys = [createHash('sha256').update('secret').digest('hex')]
  const policy = { version: 1, teams: { one: { agents: ['a'], keys }, two: {} } }
  const resolve = createDirectory(
    policy as never,
    () => undefined,
    () => 'embedded',
  )
  const of = (agent: string | undefined, key?: string, team?: string) => {
    const { refusal, team: name } = resolve({ agent, key, team })
    return refusal?.code ?? name
  }
  expect([of('a', 'secret'), of('a', 'other'), of('a', 'secret')]).toEqual([
    'one',
    'gateway_unknown_key',
    'one',
  ])
  expect([of('b', undefined, 'two'), of('b'), of('a')]).toEqual(['two', 'default', 'one'])
})
