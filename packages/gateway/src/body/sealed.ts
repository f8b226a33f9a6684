/** Node's own list of headers, which checks nothing. Source: undici 6, `lib/web/fetch/headers.js`, `HeadersList`. */
type List = { append: (name: string, value: string, isLowerCase: boolean) => void }

/** As it is when this module is loaded: a program may put another one in its place. */
const NodesResponse = Response

/** Made when the first answer needs it, which keeps a millisecond from the import. */
let seal: Seal | undefined

/** Answers with real Headers that hold these; `undefined` where this Node does not allow it. */
type Seal = (pairs: Iterable<[string, string]>) => Headers | undefined

/**
 * Real Headers that can be read and no longer changed, as those of every answer of `fetch` are. There is no public way to
 * make such: they are those of a Response that Node itself makes immutable, filled from beneath. Nothing else will do:
 * the SDK takes the size of what its streams buffer, errors and their headers included, and accepts only real ones.
 *
 * @param pairs Names in lower case, and values, all of which have been checked.
 * @returns `undefined` where this Node does not allow it; headers can then be changed.
 */
export function sealed(pairs: Iterable<[string, string]>): Headers | undefined {
  seal ??= createSeal()
  return seal(pairs)
}

function createSeal(): Seal {
  // Each is a copy of this one: to make one anew takes a stack trace, and 12 µs.
  const empty = NodesResponse.error()
  // Under which symbol a Response keeps what it is made of; absent where Node keeps that private.
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

/** Whether headers so made hold what they were given, nothing of one another, and cannot be changed. */
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

/** Whether headers can be changed: those of a Response that `fetch` brought cannot. */
export function isMutable(headers: Headers): boolean {
  try {
    headers.delete('x-gateway-none')
    return true
  } catch {
    return false
  }
}
