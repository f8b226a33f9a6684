import { afterEach, describe, expect, test } from 'vitest'
import type { Way } from './agent.ts'
import { topics } from './all.ts'
import { differences } from './differences.ts'
import type { World } from './world.ts'

/** What agents see of a behaviour where it is not what they see embedded, by way. */
const stated = (name: string) => Object.values(differences).find(({ seen }) => name in seen)?.seen[name] ?? {}

/** Every behaviour in each of these ways, as a test each. */
export function behave(ways: readonly Way[], world: () => World): void {
  afterEach(() => world().leave())

  describe.each(Object.entries(topics))('%s', (_topic, behaviours) => {
    describe.each(Object.entries(behaviours))('%s', (name, behaviour) => {
      let embedded: Promise<unknown> | undefined

      async function seen(way: Way): Promise<unknown> {
        const saw = await behaviour.see(await world().agent(way))
        world().check()
        return saw
      }

      test.each(ways)('%s', { timeout: 40_000 }, async (way) => {
        const different = stated(name)
        if (way in different) return expect(await seen(way)).toEqual(different[way])
        embedded ??= seen('embedded')
        const expected = await embedded
        if ('seen' in behaviour) expect(expected).toEqual(behaviour.seen)
        if (way === 'embedded') return
        await world().leave()
        expect(await seen(way)).toEqual(expected)
      })
    })
  })
}
