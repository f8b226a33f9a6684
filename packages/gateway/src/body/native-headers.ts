/** Node's internal list of headers, which checks nothing. Source: undici 6, `lib/web/fetch/headers.js`, `HeadersList`. */
type List = { append: (name: string, value: string, isLowerCase: boolean) => void }

/** Captured when this module is loaded: a program may put another `Response` in its place later. */
const NativeResponse = Response

/** Created for the first answer that needs it: the import stays a millisecond shorter. */
let create: CreateHeaders | undefined

/** Returns native Headers with these pairs; `undefined` if this version of Node does not allow it. */
type CreateHeaders = (pairs: Iterable<[string, string]>, isMutable: boolean) => Headers | undefined

/**
 * Creates native Headers through Node's internal list: immutable ones, as those of every answer of `fetch`, which no public
 * API creates; or mutable ones, in a quarter of the time that `new Headers()` takes to check each pair. Imitations fail: the
 * SDK measures what its streams buffer, errors with their headers included, and accepts native ones only.
 *
 * @param pairs Names in lower case, and values, all of which have been checked.
 * @returns `undefined` if this version of Node does not allow it.
 * @throws where a later version of Node has another list.
 */
export function nativeHeaders(pairs: Iterable<[string, string]>, isMutable: boolean): Headers | undefined {
  create ??= createFiller()
  return create(pairs, isMutable)
}

function createFiller(): CreateHeaders {
  // All others are clones of these: `Response.error()` takes a stack trace, and 12 µs.
  const [immutable, mutable] = [NativeResponse.error(), new NativeResponse(null)]
  // Symbol under which a Response holds its state. Absent in versions of Node that keep it private.
  const state = Object.getOwnPropertySymbols(immutable).find((symbol) => listOf(immutable, symbol))

  function filled(pairs: Iterable<[string, string]>, isMutable: boolean): Headers | undefined {
    const response = (isMutable ? mutable : immutable).clone()
    const list = state && listOf(response, state)
    if (list === undefined) return undefined
    for (const [name, value] of pairs) list.append(name, value, true)
    return response.headers
  }

  return holds(filled, false) && holds(filled, true) ? filled : () => undefined
}

function listOf(response: object, symbol: symbol): List | undefined {
  const state = (response as Record<symbol, { headersList?: Partial<List> } | undefined>)[symbol]
  const list = state?.headersList
  return typeof list?.append === 'function' ? (list as List) : undefined
}

/** Returns whether such headers hold their own pairs, none of other headers, and can be changed only if they may be. */
function holds(filled: CreateHeaders, mayChange: boolean): boolean {
  try {
    const pairs: [string, string][] = [
      ['x-b', '1'],
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
    ]
    const headers = filled(pairs, mayChange)
    const told = JSON.stringify([
      headers && [...headers],
      headers?.getSetCookie(),
      new Headers(headers).get('x-b'),
      [...(filled([], mayChange) ?? [])],
    ])
    const expected = '[[["set-cookie","a"],["set-cookie","b"],["x-b","1"]],["a","b"],"1",[]]'
    return headers !== undefined && told === expected && isMutable(headers) === mayChange
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
