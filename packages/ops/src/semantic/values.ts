import type { GatewayControls, GatewayOptions } from '@hotdash/llm-gateway'
import { requireRedisUrl } from '../cli/connection.ts'
import { withAdminGateway } from '../cli/gateway.ts'
import { UsageError } from '../core/command.ts'

/** Options of `llm-gateway semantic`, as parsed. */
export type Values = {
  redis?: string | undefined
  team?: string | undefined
  agent?: string | undefined
  model?: string | undefined
  limit: string
  reveal: boolean
  off: boolean
  wrong: boolean
  right: boolean
  similarity?: string | undefined
  path?: string | undefined
  confidence?: string | undefined
  record?: string | undefined
  asked?: string | undefined
  embedder?: string | undefined
  yes: boolean
  json: boolean
}

/** Why an entry was not found. */
export const NOT_FOUND =
  'There is no such entry, or it is signed with another secret: set LLM_GATEWAY_SEMANTIC_SECRET, or LLM_GATEWAY_KEY to the key of its team.'

const ENTRY_KEY = /^gw:\{[^}]*\}:s:[\w-]{24}:[\w-]{20}$/

/** @throws UsageError where the key is missing, or names no entry */
export function requireKey(subcommand: string, key: string | undefined): string {
  if (key !== undefined && ENTRY_KEY.test(key)) return key
  throw new UsageError(
    `semantic ${subcommand}: ${key === undefined ? 'which entry?' : `"${key.slice(0, 80)}" is no key of an entry.`} KEY is semantic.entry of a call's record, or from: llm-gateway semantic list`,
  )
}

/**
 * Opens the semantic cache with the secret of the environment.
 *
 * @throws UsageError where no secret is set: without one no entry can be read
 */
export async function withSemantic<T>(
  { redis, embedder }: Values,
  work: (gateway: GatewayControls) => Promise<T>,
): Promise<T> {
  const { LLM_GATEWAY_SEMANTIC_SECRET: secret, LLM_GATEWAY_KEY: key } = process.env
  if (!secret && !key)
    throw new UsageError(
      "LLM_GATEWAY_SEMANTIC_SECRET is not set, and neither is LLM_GATEWAY_KEY: entries are signed with the agents' cache.semantic.secret, or with their team's key.",
    )
  const semantic = { ...(secret && { secret }), ...(embedder && { embedder: namedOnly(embedder) }) }
  const options: GatewayOptions = { custody: false, cache: { semantic } }
  return await withAdminGateway(requireRedisUrl(redis), options, work)
}

/** Labels belong to an embedder by its id. No vector is made here. */
const namedOnly = (id: string) => ({
  id,
  dimensions: 1,
  embed: () => Promise.reject(new Error('llm-gateway semantic makes no vectors')),
})
