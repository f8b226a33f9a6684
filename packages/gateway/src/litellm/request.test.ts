import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../../../test/runs.ts'
import type { Call } from '../core/call.ts'
import { litellmCacheControl } from './request.ts'

type Asker = { team: string; shared: boolean; perUser: boolean; namespace: string | undefined; user: string }

const namespaceOf = ({ team, shared, perUser, namespace, user }: Asker) =>
  litellmCacheControl(
    {
      body: { user },
      caller: { team, crossTeamCache: shared, perUser, cacheable: true, exact: { ttlSeconds: 60 } },
      controls: { cache: { read: true, store: true, namespace } },
    } as unknown as Call,
    undefined,
  ).namespace

const part = fc.constantFrom('u', 't', 'u:x', '*', '%', 'a.b')
const asker = fc.record({
  team: part,
  shared: fc.boolean(),
  perUser: fc.boolean(),
  namespace: fc.option(part, { nil: undefined }),
  user: fc.constantFrom('u', 'v'),
})

test('two callers are in one namespace of the proxy only where they share: no part passes for another', () => {
  const whose = ({ team, shared, perUser, namespace, user }: Asker) =>
    JSON.stringify([shared ? null : team, namespace ?? null, perUser ? user : null])
  fc.assert(
    fc.property(asker, asker, (one, other) => {
      expect(namespaceOf(one) === namespaceOf(other)).toBe(whose(one) === whose(other))
    }),
    { numRuns: runs(3_000) },
  )
})
