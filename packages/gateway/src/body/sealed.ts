/** Node's own list of headers, which checks nothing. Source: undici 6, `lib/web/fetch/headers.js`, `HeadersList`. */
type List = { append: (name: string, value: string, isLowerCase: boolean) => void }

/** Under which symbol a Response keeps what it is made of; absent where Node keeps that private. */
const STATE = Object.getOwnPropertySymbols(Response.error()).find((symbol) =>
  listOf(Response.error(), symbol),
)

function listOf(response: object, symbol: symbol): List | undefined {
  const state = (response as Record<symbol, { headersList?: Partial<List> } | undefined>)[symbol]
  const list = state?.headersList
  return typeof list?.append === 'function' ? (list as List) : undefined
}

/**
 * Real Headers that can be read and no longer changed, as those of every answer of `fetch` are. There is no public way to
 * make such: they are those of a Response that Node itself makes immutable, filled from beneath. Nothing else will do:
 * the SDK takes the size of what its streams buffer, errors and their headers included, and accepts only real ones.
 *
 * @param pairs Names in lower case, and values, all of which have been checked.
 * @returns `undefined` where this Node does not allow it; headers can then be changed.
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

/** Whether headers can be changed: those of a Response that `fetch` brought cannot. */
export function isMutable(headers: Headers): boolean {
  try {
    headers.delete('x-gateway-none')
    return true
  } catch {
    return false
  }
}
