import type { Refusal } from '../core/refusal-codes.ts'
import { LIMITS } from '../util/json-limits.ts'
import type { CleanRequest } from './clean-request.ts'
import type { UnreadBody } from './parsed-bodies.ts'

/**
 * Returns the refusal of a governed request whose body was not parsed: no limit can be applied to it. `undefined` if no
 * server could read the body as a JSON object: upstream then answers with its own error.
 */
export function unreadRefusal(
  source: string | undefined,
  unread: UnreadBody,
  request: CleanRequest,
): Refusal | undefined {
  if (unread !== undefined) return tooLarge(unread.excess)
  if (source === undefined) return hasBody(request) ? UNREADABLE : undefined
  return request.headers.has('content-encoding') || looksLikeAnObject(source) ? UNREADABLE : undefined
}

const hasBody = ({ init, request }: CleanRequest) => (init?.body ?? request?.body ?? null) !== null

/** Some parsers accept what `JSON.parse` rejects: NaN, comments, a byte order mark, trailing commas. */
const looksLikeAnObject = (source: string) =>
  /^[\s\ufeff]*\{/.test(source) && /\}[\s\ufeff]*$/.test(source.slice(-1_000))

const UNREADABLE: Refusal = {
  code: 'gateway_body_unreadable',
  message:
    'The body of this request cannot be read, so no limit can be applied to it. Send it as JSON text, not compressed and not as a stream.',
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
