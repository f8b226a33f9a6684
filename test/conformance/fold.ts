const PLAIN = new Set(
  'id object model role type name finish_reason service_tier system_fingerprint'.split(' '),
)

/** What the chunks add up to: strings are joined, lists appended, indexed items find their own, the rest replaced. */
export function foldOf(chunks: readonly unknown[]): unknown {
  const sum: Record<string, unknown> = {}
  for (const item of chunks) {
    const { choices = [], ...envelope } = item as Record<string, unknown>
    // Of what is around the choices, the last word counts.
    for (const name of Object.keys(envelope)) if (envelope[name] !== null) delete sum[name]
    fold(sum, { ...envelope, choices })
  }
  return sum
}

function fold(into: Record<string, unknown>, from: Record<string, unknown>) {
  for (const [key, value] of Object.entries(from)) {
    // Data like any other, if it comes from upstream.
    const name = key === '__proto__' ? '(__proto__)' : key
    const known = into[name]
    if (value === null || value === undefined || name === 'obfuscation') continue
    if (typeof value === 'string') into[name] = PLAIN.has(name) ? value : `${known ?? ''}${value}`
    else if (Array.isArray(value)) {
      into[name] ??= []
      const items = into[name] as unknown[]
      for (const item of value) {
        const index = (item as { index?: number } | null)?.index
        if (typeof index !== 'number') items.push(item)
        else {
          items[index] ??= {}
          fold(items[index] as Record<string, unknown>, item as Record<string, unknown>)
        }
      }
    } else if (typeof value === 'object') {
      into[name] ??= {}
      fold(into[name] as Record<string, unknown>, value as Record<string, unknown>)
    } else into[name] = value
  }
}
