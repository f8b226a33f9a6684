/** Node's internal list of headers, which checks nothing. Source: undici 6, `lib/web/fetch/headers.js`, `HeadersList`. */
type List = { append: (name: string, value: string, isLowerCase: boolean) => void }

/** Captured when this module is loaded: a program may put another `Response` in its place later. */
const NativeResponse = Response

/** Created for the first answer that needs it: the import stays a millisecond shorter. */
let seal: Seal | undefined

/** Returns native Headers with these pairs; `undefined` if this version of Node does not allow it. */
type Seal = (pairs: Iterable<[string, string]>) => Headers | undefined

/**
 * Creates native Headers that are immutable, as those of every answer of `fetch`. No public API does: an immutable Response's
 * Headers are filled through Node's internal list. Imitations fail: the SDK measures what its streams buffer, errors with
 * their headers included, and accepts native ones only.
 *
 * @param pairs Names in lower case, and values, all of which have been checked.
 * @returns `undefined` if this version of Node does not allow it: headers then stay mutable.
 */
export function sealed(pairs: Iterable<[string, string]>): Headers | undefined {
  try {
    seal ??= createSeal()
    return seal(pairs)
  } catch {
    // A fault costs the immutability of headers, never the answer.
    return undefined
  }
}

function createSeal(): Seal {
  // All others are clones of this one: `Response.error()` takes a stack trace, and 12 µs.
  const empty = NativeResponse.error()
  // Symbol under which a Response holds its state. Absent in versions of Node that keep it private.
  const state = Object.getOwnPropertySymbols(empty).find((symbol) => listOf(empty, symbol))

  function filled(pairs: Iterable<[string, string]>): Headers | undefined {
    const response = empty.clone()
    const list = state && listOf(response, state)
    if (list === undefined) return undefined
    for (const [name, value] of pairs) list.append(name, value, true)
    return response.headers
  }

  return holds(filled) ? filled : () => undefined
}

function listOf(response: object, symbol: symbol): List | undefined {
  const state = (response as Record<symbol, { headersList?: Partial<List> } | undefined>)[symbol]
  const list = state?.headersList
  return typeof list?.append === 'function' ? (list as List) : undefined
}

/** Returns whether such headers hold their own pairs, none of other headers, and cannot be changed. */
function holds(filled: Seal): boolean {
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
      [...(filled([]) ?? [])],
    ])
    const expected = '[[["set-cookie","a"],["set-cookie","b"],["x-b","1"]],["a","b"],"1",[]]'
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
