import { LRUCache } from 'lru-cache'
import { errorCode } from '../body/error-code.ts'
import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { accountHeadersOf } from '../fingerprint/headers.ts'

/** Bounds memory. An evicted account is detected again by its next call. */
const MAX_ACCOUNTS = 1_000

/** Codes of a 401 that reject the key itself, in every organization and project. Source: OpenAI API, error codes. */
const KEY_CODES = new Set<unknown>(['invalid_api_key', 'account_deactivated', 'expired_api_key'])

/**
 * Remembers accounts whose credentials upstream rejected with 401. Until upstream accepts them again, they get
 * upstream's answers only, none from the cache. A 401 to a call that names an organization or a project counts for the
 * key with those only, unless its code rejects the key itself.
 */
export function createRejectedAccounts() {
  const accounts = new LRUCache<string, true>({ max: MAX_ACCOUNTS })

  return {
    has: (call: Call): boolean =>
      accounts.size > 0 && (accounts.has(keyOf(call)) || accounts.has(keyOf(call) + scopeOf(call))),
    /** Updates from a reply of upstream. Waits for the body of a 401, and for nothing else. */
    async learn(call: Call, reply: Reply): Promise<void> {
      const { status } = reply.recording
      if (reply.via !== 'upstream' || status === undefined) return
      const key = keyOf(call)
      if (status === 401) {
        accounts.set(key + scopeOf(call), true)
        if (KEY_CODES.has(await errorCode(reply, call))) accounts.set(key, true)
      } else if (accounts.size > 0 && status < 400) {
        accounts.delete(key)
        accounts.delete(key + scopeOf(call))
      }
    },
  }
}

const keyOf = (call: Call) => `${new URL(call.outbound.url).origin}\n${accountHeadersOf(call).credentials}`

/** Organization and project, or empty where the call names neither: then a 401 is about the key. */
function scopeOf({ outbound: { headers } }: Call): string {
  const [organization, project] = [headers.get('openai-organization'), headers.get('openai-project')]
  return organization === null && project === null ? '' : `\n${JSON.stringify([organization, project])}`
}
