/** Which members of one JSON value are missing from another, new in it, or of another value; by their paths. */
export function differences(from: unknown, to: unknown, path = ''): string[] {
  if (JSON.stringify(from) === JSON.stringify(to)) return []
  if (!isContainer(from) || !isContainer(to)) return [`${path} changed`]
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].toSorted()
  return names.flatMap((name) => {
    const at = path === '' ? name : `${path}.${name}`
    if (!(name in to)) return [`${at} missing`]
    if (!(name in from)) return [`${at} added`]
    return differences(from[name], to[name], at)
  })
}

const isContainer = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
