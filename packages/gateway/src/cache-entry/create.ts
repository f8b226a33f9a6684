import { replayableHeaders } from '../body/replay.ts'
import type { Call } from '../core/call.ts'
import type { Answer } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import type { MeteredUsage } from '../core/usage.ts'
import { isStoredByDefault } from '../operations/operations.ts'
import type { CacheEntry } from './entry.ts'

/** Builds the entry of an answer, fresh for `ttl` seconds and kept for `staleSeconds` after that. */
export function createEntry(
  answer: Answer,
  reply: Reply,
  usage: MeteredUsage,
  { operation, body, view, caller }: Call,
  { ttl, staleSeconds }: { ttl: number; staleSeconds: number },
): CacheEntry {
  const { id } = answer.json
  const keptUpstream = isStoredByDefault(operation, body)
  const storedAt = Date.now()
  return {
    text: answer.text,
    usage,
    model: reply.model,
    headers: replayableHeaders(reply.recording.headers),
    answerId: keptUpstream && typeof id === 'string' ? id : undefined,
    untold: view.stream && usage.estimated,
    team: caller.team,
    agent: caller.agent,
    storedAt,
    freshUntil: storedAt + ttl * 1_000,
    keptUntil: storedAt + (ttl + staleSeconds) * 1_000,
  }
}
