/** One differing field, by its path: `teams.prod_ceo.rpm`. `from` or `to` is absent where the field is. */
export type Difference = { path: string; from?: unknown; to?: unknown }

/** Lists the differences between two plain values, in the order of the first, then of the second. */
export function differences(from: unknown, to: unknown, path = ''): Difference[] {
  if (isRecord(from) && isRecord(to)) {
    const names = new Set([...Object.keys(from), ...Object.keys(to)])
    return [...names].flatMap((name) =>
      differences(from[name], to[name], path === '' ? name : `${path}.${name}`),
    )
  }
  // An added or removed object is listed field by field, which is easier to read.
  if (isRecord(from) && to === undefined && Object.keys(from).length > 0) return differences(from, {}, path)
  if (from === undefined && isRecord(to) && Object.keys(to).length > 0) return differences({}, to, path)
  if (JSON.stringify(from) === JSON.stringify(to)) return []
  return [{ path, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }]
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
