import type { Policy } from '@hotdash/llm-gateway'
import {
  type Change,
  GatewayOptionsError,
  loadPolicy,
  openPolicyStore,
  PolicyConflict,
  type PolicyStore,
} from '@hotdash/llm-gateway/policy'
import { requireRedisUrl } from '../cli/connection.ts'
import { printFailure } from '../cli/output.ts'
import { UsageError } from '../core/command.ts'

/**
 * Opens the policy store, runs `work` and closes the store. Prints a refused or conflicting change and returns 1.
 *
 * @throws UsageError where `redis` (default: `LLM_GATEWAY_REDIS_URL`) is missing or no Redis URL
 */
export async function withStore(
  { redis }: { redis?: string | undefined },
  work: (store: PolicyStore) => Promise<number>,
): Promise<number> {
  const url = requireRedisUrl(redis)
  if (!/^rediss?:\/\//.test(url)) throw new UsageError('--redis must be a redis:// or rediss:// address.')
  const store = openPolicyStore({ redis: url })
  try {
    return await work(store)
  } catch (error) {
    if (error instanceof PolicyConflict) return printFailure(`Conflict: ${error.message}`)
    if (error instanceof GatewayOptionsError)
      return printFailure(`Refused:\n${error.message.replace(/^/gm, '  ')}`)
    throw error
  } finally {
    store.close()
  }
}

/** Returns the live policy; without one, the policy that a process with this environment uses. */
export function policyInForce(change: Pick<Change, 'policy'> | undefined): Policy {
  return change?.policy ?? loadPolicy(process.env.LLM_GATEWAY_POLICY || undefined)
}

/** Returns the policy in force for agents at a Redis. @throws (rejects) where Redis cannot be reached */
export async function readPolicyInForce(redis: string): Promise<Policy> {
  const store = openPolicyStore({ redis })
  try {
    const { change, last } = await store.read()
    return policyInForce(change ?? last)
  } finally {
    store.close()
  }
}

/** Names the policy that processes use where none is live, for messages. */
export const fallbackPolicyName = (): string =>
  process.env.LLM_GATEWAY_POLICY ? 'the file in LLM_GATEWAY_POLICY' : "HotDash's own"
