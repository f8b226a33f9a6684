import { LRUCache } from 'lru-cache'
import { errorCode } from '../body/error-code.ts'
import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { accountHeadersOf } from '../fingerprint/headers.ts'

/** Bounds memory. An evicted account is detected again by its next call. */
const MAX_ACCOUNTS = 1_000

/** Codes of a 401 that reject the key itself, for any organization or project. Source: OpenAI API. */
const OF_THE_KEY = new Set<unknown>(['invalid_api_key', 'account_deactivated', 'expired_api_key'])

/**
 * Remembers accounts whose credentials upstream rejected with 401. Until upstream accepts them again, they get
 * upstream's answers only, none from the cache. A 401 to a call that names an organization or a project counts for
 * these alone, unless its code concerns the key.
 */
export function createRejectedAccounts() {
  const accounts = new LRUCache<string, true>({ max: MAX_ACCOUNTS })

  return {
    has: (call: Call): boolean =>
      accounts.size > 0 && (accounts.has(keyOf(call)) || accounts.has(keyOf(call) + scopeOf(call))),
    /** Updates from a reply of upstream. Returns a promise only for a 401, whose body it reads. */
    learn(call: Call, reply: Reply): Promise<void> | undefined {
      const { status } = reply.recording
      if (reply.via !== 'upstream' || status === undefined) return undefined
      if (status === 401) return reject(call, reply)
      if (accounts.size > 0 && status < 400) {
        const key = keyOf(call)
        accounts.delete(key)
        accounts.delete(key + scopeOf(call))
      }
      return undefined
    },
  }

  async function reject(call: Call, reply: Reply): Promise<void> {
    const key = keyOf(call)
    accounts.set(key + scopeOf(call), true)
    if (OF_THE_KEY.has(await errorCode(reply, call))) accounts.set(key, true)
  }
}

const keyOf = (call: Call) => `${new URL(call.outbound.url).origin}\n${accountHeadersOf(call).credentials}`

/** Organization and project of a call. Empty where it names none: a 401 then concerns the key. */
function scopeOf({ outbound: { headers } }: Call): string {
  const [organization, project] = [headers.get('openai-organization'), headers.get('openai-project')]
  return organization === null && project === null ? '' : `\n${JSON.stringify([organization, project])}`
}
