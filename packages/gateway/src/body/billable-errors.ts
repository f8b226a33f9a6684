import { isObject, isSet, type Json } from '../core/json.ts'

/** Statuses of requests that no model has processed, from OpenAI or a proxy in front of it. */
const UNPROCESSED = new Set([
  400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 417, 421, 422, 423, 424, 425, 426,
  428, 429, 431, 451,
])

/** Statuses that upstream itself uses for failure and overload. Gateways and proxies use others. */
const BROKEN = new Set([500, 503, 529])

/**
 * Returns whether upstream may bill an answer whose status is not 2xx.
 *
 * - 4xx: not billed, except 408 and 499: someone stopped waiting for a model that was processing.
 * - 400 of a content filter, and every 400 of Azure: billed for what was processed. Source: Microsoft, "Plan and manage
 *   costs for Azure OpenAI", HTTP error response code and billing status (a 400 due to a content filter or input
 *   limit and a 408 may be charged; 401 and 429 are not).
 * - 500, 503, 529 with an `error` in a whole JSON body: upstream's own failure, not billed.
 * - All else (502, 504, 52x, pages of proxies, truncated bodies): billed, since the model may have answered.
 */
export function mayBill(status: number, error: Json | undefined, azure: boolean): boolean {
  if (status === 400) return azure || (isObject(error) && error.code === 'content_filter')
  if (UNPROCESSED.has(status)) return false
  return !BROKEN.has(status) || !isSet(error)
}
