import { setTimeout as sleep } from 'node:timers/promises'
import type { Policy } from '@hotdash/llm-gateway'
import { expect, test } from 'vitest'
import { ask, until } from '../support.ts'
import { agentAt, policyWith, redis, soon, storeAt } from './kit.ts'

const policy = (cache: Policy['cache']): Policy => policyWith(1_000, { cache: cache ?? {} })

test.each<[string, Policy['cache'] | 'switch', boolean]>([
  ['the cache is switched off', 'switch', false],
  ['the policy has no cache', false, false],
  ['users are kept apart', { sharedBetweenUsers: false }, false],
  ['nothing stale may be given', { exact: { staleIfErrorSeconds: 0 } }, false],
  ['it is pushed as it was', {}, true],
])(
  'upstream fails, and meanwhile %s: the old answer goes by what is in force when it is given',
  async (_, change, isGiven) => {
    const server = await redis()
    const store = storeAt(server)
    await store.push(policy({ exact: { ttlSeconds: 0.02 } }))
    const { client, upstream, stats } = await agentAt(server, { quota: false })
    await client.gateway.ready()
    await client.chat.completions.create(ask('x'))
    await client.gateway.flush()
    await sleep(30)
    // Answers only once the change is in force: the same attempt, which began under other rules.
    upstream.fail({ type: 'hang' }, { times: Number.POSITIVE_INFINITY })
    const before = upstream.count()
    const left = new AbortController()
    const asking = client.chat.completions.create(ask('x'), {
      maxRetries: 1,
      timeout: 1_500,
      signal: left.signal,
    })
    const outcome = asking.then(
      () => 'given',
      () => 'not given',
    )
    await until(() => upstream.count() > before, 'upstream is asked')
    const { version } =
      change === 'switch'
        ? await store.switch(() => ({ cache: 'off' }))
        : await store.push(
            policy(
              change === false ? false : { ...change, exact: { ttlSeconds: 0.02, ...(change?.exact || {}) } },
            ),
          )
    await soon(() => stats()?.version === version)
    expect(await outcome).toBe(isGiven ? 'given' : 'not given')
  },
)
