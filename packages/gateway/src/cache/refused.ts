import { LRUCache } from 'lru-cache'
import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { accountHeadersOf } from '../fingerprint/headers.ts'

/** Bounds memory. An evicted account is detected again by its next call. */
const MAX_ACCOUNTS = 1_000

/**
 * Remembers accounts whose credentials upstream rejected with 401. Until upstream accepts them again, they get
 * upstream's answers only, none from the cache.
 */
export function createRejectedAccounts() {
  const accounts = new LRUCache<string, true>({ max: MAX_ACCOUNTS })

  return {
    has: (call: Call): boolean => accounts.size > 0 && accounts.has(accountOf(call)),
    /** Updates from a reply of upstream. */
    learn(call: Call, { via, recording: { status } }: Reply): void {
      if (via !== 'upstream' || status === undefined) return
      if (status === 401) accounts.set(accountOf(call), true)
      else if (accounts.size > 0 && status < 400) accounts.delete(accountOf(call))
    },
  }
}

const accountOf = (call: Call) =>
  `${new URL(call.outbound.url).origin}\n${accountHeadersOf(call).credentials}`
