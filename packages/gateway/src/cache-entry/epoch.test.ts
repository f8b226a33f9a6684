import { expect, test } from 'vitest'
import { createGenerations } from './epoch.ts'

test('each purge begins an epoch for the keys that it concerns, the first one too, and for no others', () => {
  const generations = createGenerations()
  const of = () => ['gw:{a}:x:1', 'gw:{b}:x:1', 'gw:{*}:x:1'].map(generations.of)
  const concerned = (purge: () => void) => {
    const before = of()
    purge()
    return of().map((epoch, at) => epoch !== before[at])
  }
  expect(concerned(() => generations.raise({ team: 'a' }))).toEqual([true, false, true])
  expect(concerned(() => generations.raise({ key: 'gw:{b}:x:2' }))).toEqual([false, true, false])
  expect(concerned(() => generations.raise({}))).toEqual([true, true, true])
  expect(concerned(() => generations.raise({ team: 'b', agent: 'x' }))).toEqual([false, true, true])
})
