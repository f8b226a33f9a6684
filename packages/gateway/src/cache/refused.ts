import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { bearingOf } from '../fingerprint/headers.ts'

/** Oldest out first: one that is forgotten is found out again by its next question. */
const MAX = 1_000

/**
 * Accounts whose credentials upstream has turned down (401), as far as this process has seen. Until upstream takes them
 * again, they get no answer but upstream's own.
 */
export function createRefused() {
  const accounts = new Set<string>()

  return {
    has: (call: Call): boolean => accounts.size > 0 && accounts.has(accountOf(call)),
    /** Told of each reply from below. */
    learn(call: Call, { via, recording: { status } }: Reply): void {
      if (via !== 'upstream' || status === undefined) return
      if (status === 401) {
        accounts.add(accountOf(call))
        const [oldest] = accounts.size > MAX ? accounts : []
        if (oldest !== undefined) accounts.delete(oldest)
      } else if (accounts.size > 0 && status < 400) accounts.delete(accountOf(call))
    },
  }
}

const accountOf = (call: Call) => `${new URL(call.outbound.url).origin}\n${bearingOf(call).credentials}`
