import type { RedisConnection } from '../../../redis/connection.ts'
import type { CalibrationScope } from '../../query/partition.ts'
import { createSignedValues } from '../threshold/signed-value.ts'
import { type AutoState, formatState, stateFrom } from './state.ts'

/** States shared through Redis. They expire 60 days after the last change. */
export type SharedStates = {
  /** @throws if Redis does not answer */
  read: (scope: CalibrationScope) => Promise<AutoState | undefined>
  /**
   * Replaces a state. Resolves with the one written; `undefined`: there was nothing to change.
   * @throws as `read` does, or after too many concurrent writes
   */
  update: (
    scope: CalibrationScope,
    change: (held: AutoState | undefined) => AutoState | undefined,
  ) => Promise<AutoState | undefined>
}

const KEPT_MS = 60 * 86_400_000
const MAX_BYTES = 10_000

/** Returns the Redis key of a scope's state, beside its labels. */
export const stateKeyOf = ({ name }: Pick<CalibrationScope, 'name'>) => name.replace('}:sl:', '}:sa:')

/**
 * Stores one value per scope: signature, and the state as JSON, without text. It is signed as a whole, as labels are: without
 * the secret, evidence can neither be added nor removed, and no balance be improved.
 */
export function createSharedStates(redis: RedisConnection, keyLocking = false): SharedStates {
  const values = createSignedValues(redis, { keyLocking, keptMs: KEPT_MS, maxBytes: MAX_BYTES })

  return {
    read: async (scope) => stateFrom(await values.read(stateKeyOf(scope), scope.secret)),
    async update(scope, change) {
      let next: AutoState | undefined
      const isWritten = await values.update(stateKeyOf(scope), scope.secret, (text) => {
        next = change(stateFrom(text))
        return next && formatState(next)
      })
      if (next !== undefined && !isWritten) throw new Error('too many processes write at once')
      return next
    },
  }
}
