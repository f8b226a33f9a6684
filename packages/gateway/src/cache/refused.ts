import { errorCode } from '../body/error-code.ts'
import type { Call } from '../core/call.ts'
import type { Reply } from '../core/reply.ts'
import { bearingOf } from '../fingerprint/headers.ts'

/** Oldest out first: one that is forgotten is found out again by its next question. */
const MAX = 1_000

/** Codes of a 401 that turn down the key itself, whatever organization or project it was shown for. Source: OpenAI API. */
const OF_THE_KEY = new Set<unknown>(['invalid_api_key', 'account_deactivated', 'expired_api_key'])

/**
 * Accounts whose credentials upstream has turned down (401), as far as this process has seen. Until upstream takes them
 * again, they get no answer but upstream's own. A 401 to a call that names an organization or a project may be about
 * those: unless it says that it is about the key, it counts for them alone.
 */
export function createRefused() {
  const accounts = new Set<string>()

  function add(account: string) {
    accounts.add(account)
    const [oldest] = accounts.size > MAX ? accounts : []
    if (oldest !== undefined) accounts.delete(oldest)
  }

  return {
    has: (call: Call): boolean =>
      accounts.size > 0 && (accounts.has(keyOf(call)) || accounts.has(keyOf(call) + placeOf(call))),
    /** Told of each reply from below. Waits for a 401's body, and for nothing else. */
    async learn(call: Call, reply: Reply): Promise<void> {
      const { status } = reply.recording
      if (reply.via !== 'upstream' || status === undefined) return
      const key = keyOf(call)
      if (status === 401) {
        add(key + placeOf(call))
        if (OF_THE_KEY.has(await errorCode(reply, call))) add(key)
      } else if (accounts.size > 0 && status < 400) {
        accounts.delete(key)
        accounts.delete(key + placeOf(call))
      }
    },
  }
}

const keyOf = (call: Call) => `${new URL(call.outbound.url).origin}\n${bearingOf(call).credentials}`

/** Within its account. Empty where the call names none: then a 401 is about the key. */
function placeOf({ outbound: { headers } }: Call): string {
  const [organization, project] = [headers.get('openai-organization'), headers.get('openai-project')]
  return organization === null && project === null ? '' : `\n${JSON.stringify([organization, project])}`
}
