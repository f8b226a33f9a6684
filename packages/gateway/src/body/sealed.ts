/** Node's internal list of headers, which checks nothing. Source: undici 6, `lib/web/fetch/headers.js`, `HeadersList`. */
type List = { append: (name: string, value: string, isLowerCase: boolean) => void }

/** Symbol under which a Response holds its state. Absent in versions of Node that keep it private. */
const STATE = Object.getOwnPropertySymbols(Response.error()).find((symbol) =>
  listOf(Response.error(), symbol),
)

function listOf(response: object, symbol: symbol): List | undefined {
  const state = (response as Record<symbol, { headersList?: Partial<List> } | undefined>)[symbol]
  const list = state?.headersList
  return typeof list?.append === 'function' ? (list as List) : undefined
}

/**
 * Creates native Headers that are immutable, as those of every answer of `fetch`. No public API does: an immutable Response's
 * Headers are filled through Node's internal list. Imitations fail: the SDK measures what its streams buffer, errors with
 * their headers included, and accepts native ones only.
 *
 * @param pairs Names in lower case, and values, all of which have been checked.
 * @returns `undefined` if this version of Node does not allow it: headers then stay mutable.
 */
export function sealed(pairs: Iterable<[string, string]>): Headers | undefined {
  return CAN_SEAL ? filled(pairs) : undefined
}

function filled(pairs: Iterable<[string, string]>): Headers | undefined {
  const response = Response.error()
  const list = STATE && listOf(response, STATE)
  if (list === undefined) return undefined
  for (const [name, value] of pairs) list.append(name, value, true)
  return response.headers
}

const CAN_SEAL = tried()

function tried(): boolean {
  try {
    const headers = filled([
      ['x-b', '1'],
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
    ])
    const told = JSON.stringify([
      headers && [...headers],
      headers?.getSetCookie(),
      new Headers(headers).get('x-b'),
    ])
    const expected = '[[["set-cookie","a"],["set-cookie","b"],["x-b","1"]],["a","b"],"1"]'
    return headers !== undefined && told === expected && !isMutable(headers)
  } catch {
    return false
  }
}

/** Returns whether headers can be changed; those of an answer of `fetch` cannot. */
export function isMutable(headers: Headers): boolean {
  try {
    headers.delete('x-gateway-none')
    return true
  } catch {
    return false
  }
}
