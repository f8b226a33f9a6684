import type { Refusal } from '../core/refusal.ts'
import { LIMITS } from '../util/json-limits.ts'
import type { UnreadBody } from './parsed-bodies.ts'
import type { RequestHead } from './request-head.ts'

/**
 * Why a governed request whose body was not read must not pass limits that it could not be counted against. `undefined`:
 * no server takes it for a JSON object, so that upstream may refuse it in its own words.
 */
export function unreadRefusal(
  source: string | undefined,
  unread: UnreadBody,
  asked: RequestHead,
): Refusal | undefined {
  if (unread !== undefined) return tooLarge(unread.excess)
  if (source === undefined) return hasBody(asked) ? UNREADABLE : undefined
  return asked.headers.has('content-encoding') || looksLikeAnObject(source) ? UNREADABLE : undefined
}

const hasBody = ({ init, request }: RequestHead) => (init?.body ?? request?.body ?? null) !== null

/** Some parsers take what `JSON.parse` does not: NaN, comments, a byte order mark, commas at the end. */
const looksLikeAnObject = (source: string) =>
  /^[\s\ufeff]*\{/.test(source) && /\}[\s\ufeff]*$/.test(source.slice(-1_000))

const UNREADABLE: Refusal = {
  code: 'gateway_body_unreadable',
  message:
    'The body of this request cannot be read, so no limit can be held against it. Send it as JSON text, not compressed and not as a stream.',
}

const tooLarge = (excess: keyof typeof LIMITS): Refusal => ({
  code: 'gateway_body_too_large',
  message: `The body has more than ${LIMITS[excess]} ${UNIT[excess]}, which is more than the gateway reads.`,
})

const UNIT = {
  chars: 'characters',
  depth: 'levels of nesting',
  members: 'members of objects',
  containers: 'objects and arrays',
  values: 'values',
} as const satisfies Record<keyof typeof LIMITS, string>
