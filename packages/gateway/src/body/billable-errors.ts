import { isObject, isSet, type Json } from '../core/json.ts'

/** Statuses of requests that no model has worked on, from OpenAI or a proxy before it. */
const UNPROCESSED = new Set([
  400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 417, 421, 422, 423, 424, 425, 426,
  428, 429, 431, 451,
])

/** Statuses with which upstream itself says that it failed or is overloaded. Gateways and proxies use others. */
const BROKEN = new Set([500, 503, 529])

/**
 * Whether a refusal (any status but 2xx) may be billed all the same.
 *
 * - 4xx: not billed, except 408 and 499, which say that a wait for a working model was given up.
 * - 400 of a content filter, and every 400 of Azure: billed for what was processed. Source: Microsoft, "Plan and manage
 *   costs for Azure OpenAI", HTTP error response code and billing status (a 400 due to a content filter or input
 *   limit and a 408 may be charged; 401 and 429 are not).
 * - 500, 503, 529 with an `error` in a whole JSON body: upstream's own failure, not billed.
 * - Everything else (502, 504, 52x, pages of proxies, bodies that were cut): the model may have answered behind it.
 */
export function mayBill(status: number, error: Json | undefined, azure: boolean): boolean {
  if (status === 400) return azure || (isObject(error) && error.code === 'content_filter')
  if (UNPROCESSED.has(status)) return false
  return !BROKEN.has(status) || !isSet(error)
}
