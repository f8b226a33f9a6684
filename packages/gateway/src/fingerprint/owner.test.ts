import { expect, test } from 'vitest'
import type { Call } from '../core/call.ts'
import { keyRingOf } from './owner.ts'

test('a secret has its own ring, whichever was used before', () => {
  const ring = (secret: string) =>
    keyRingOf({ caller: {}, policy: { secrets: { secret, key: undefined } } } as unknown as Call, {
      credentials: '',
      deciding: '',
      isPublic: false,
    }).id
  const [one, other, again] = [ring('a'), ring('b'), ring('a')]
  expect([again, other === one]).toEqual([one, false])
})
