import { unpricedChoices } from '../pricing/unpriced.ts'
import type { IoredisClient } from '../redis/connect.ts'
import { createPolicyStore, type PolicyStore } from './live/admin.ts'

export { GatewayOptionsError } from '../core/options-error.ts'
export { applySwitches } from './apply-switches.ts'
export { hotdash as hotdashPolicy } from './hotdash.ts'
export {
  type AppliedChange,
  type ChangeInfo,
  PolicyConflict,
  type PolicyState,
  type PolicyStore,
} from './live/admin.ts'
export type { Change } from './live/change.ts'
export { checkSwitches } from './live/change.ts'
export { type Difference, differences } from './live/diff.ts'
export type { Live, Switches } from './live/live.ts'
export type { GatewayProcess, Presence } from './live/presence.ts'
export { loadPolicy } from './load.ts'
export { unpricedChoices }

/**
 * Opens the live policy of all processes that share a Redis. `close` ends its connection; a client given by the
 * program stays open.
 * @example
 * const store = openPolicyStore({ redis: 'redis://localhost:6379' })
 * await store.switch((switches) => ({ ...switches, cache: 'off' }), { by: 'anna', comment: 'stale prices' })
 * store.close()
 * @throws PolicyConflict from every change, if another operator changed the policy first.
 * @throws RedisUnavailable when Redis cannot be reached.
 */
export const openPolicyStore = ({ redis }: { redis: string | IoredisClient }): PolicyStore =>
  createPolicyStore(redis, unpricedChoices)

export type { Mode } from '../core/policy.ts'
