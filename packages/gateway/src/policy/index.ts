import { unpricedChoices } from '../pricing/unpriced.ts'
import type { RedisClient } from '../redis/connect.ts'
import { createPolicyStore, type PolicyStore } from './live/admin.ts'

export { applySwitches as applied } from './apply-switches.ts'
export {
  type AppliedChange as Made,
  type ChangeInfo as Note,
  PolicyConflict,
  type PolicyState as Standing,
  type PolicyStore,
} from './live/admin.ts'
export type { Change } from './live/change.ts'
export { checkSwitches } from './live/change.ts'
export { type Difference, differences } from './live/diff.ts'
export type { Live, Switches } from './live/live.ts'
export { unpricedChoices }

/**
 * The live policy of all processes at a Redis. A client that is given is left open; `close` ends a connection of ours.
 *
 * @example
 * const store = openPolicyStore({ redis: 'redis://localhost:6379' })
 * await store.switch((switches) => ({ ...switches, cache: 'off' }), { by: 'anna', comment: 'stale prices' })
 * store.close()
 * @throws PolicyConflict from whatever changes, where somebody else was faster.
 * @throws when Redis cannot be reached.
 */
export const openPolicyStore = ({ redis }: { redis: string | RedisClient }): PolicyStore =>
  createPolicyStore(redis, unpricedChoices)

export type { Mode } from '../core/policy.ts'
