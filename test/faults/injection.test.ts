import { test } from 'vitest'
import { embedded, parsed, passed, streamed, whole } from './calls.ts'
import { tryAll, useFaults } from './kit.ts'
import { checkNoneLost, checkNoneSent, checkRefusals, checkRoom, keys, limited, models } from './outcome.ts'

useFaults()

const refused = { policy: { models, teams: { t: { agents: ['support'], keys, models: ['gpt-4o'] } } } }

test('a fault anywhere lets no call through that the policy forbids', async () => {
  await tryAll({ options: () => refused, calls: [whole, streamed, parsed], check: checkNoneSent })
}, 600_000)

test('a fault anywhere under limits: refused or answered, each record closed, each hold settled', async () => {
  await tryAll({
    options: () => limited,
    calls: [whole, whole, streamed, embedded, passed],
    async check(trial, point) {
      checkRefusals(trial, point)
      await checkRoom(trial.gateway)
    },
  })
}, 600_000)

test('a fault anywhere where nothing binds: every call leaves, once', async () => {
  await tryAll({
    options: () => ({ policy: {} }),
    calls: [whole, whole, streamed, embedded, passed],
    check: checkNoneLost,
  })
}, 600_000)
