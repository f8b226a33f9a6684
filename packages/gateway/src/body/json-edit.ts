/**
 * Edits top-level members in the text of a JSON object. All other bytes stay as the caller wrote them: integers beyond 2^53,
 * key order and white space survive. Values are JSON text; `undefined` removes a member.
 * `source` must be a JSON object that `JSON.parse` accepts. Linear in its length, at any depth.
 */
export function editTopLevel(source: string, changes: Record<string, string | undefined>): string {
  const open = source.indexOf('{') + 1
  const all = [...members(source, open)]
  const replaced = new Set<string>()
  let edited = source.slice(0, all[0]?.start ?? open)
  let separator = ''
  for (const [at, { name, start, valueStart, end }] of all.entries()) {
    const value = changes[name]
    const isEdited = Object.hasOwn(changes, name)
    // Of duplicate members `JSON.parse` keeps the last; the edit keeps one.
    if (isEdited && (value === undefined || replaced.has(name))) continue
    if (isEdited) replaced.add(name)
    edited += separator + (isEdited ? source.slice(start, valueStart) + value : source.slice(start, end))
    separator = source.slice(end, all[at + 1]?.start ?? end) || ','
  }
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || replaced.has(name)) continue
    edited += `${separator === '' ? '' : ','}${JSON.stringify(name)}:${value}`
    separator = ','
  }
  return edited + source.slice(all.at(-1)?.end ?? open)
}

/** Sorts the top-level members of the text of a JSON object by name; each keeps its own text. */
export function orderTopLevel(source: string): string {
  const open = source.indexOf('{') + 1
  const written = new Map(
    [...members(source, open)].map(({ name, start, end }) => [name, source.slice(start, end)]),
  )
  const names = [...written.keys()].sort()
  return `{${names.map((name) => written.get(name)).join(',')}}`
}

type Member = { name: string; start: number; valueStart: number; end: number }

/** Yields each `"name": value`, from the quote to the end of the value. */
function* members(source: string, from: number): Generator<Member> {
  let at = skipSpace(source, from)
  while (source[at] === '"') {
    const start = at
    at = endOfString(source, at)
    const name = JSON.parse(source.slice(start, at)) as string
    const valueStart = skipSpace(source, skipSpace(source, at) + 1)
    at = endOfValue(source, valueStart)
    yield { name, start, valueStart, end: at }
    at = skipSpace(source, at)
    if (source[at] !== ',') return
    at = skipSpace(source, at + 1)
  }
}

function skipSpace(source: string, at: number): number {
  let position = at
  while (SPACE.has(source.charCodeAt(position))) position += 1
  return position
}

function endOfString(source: string, quote: number): number {
  let at = quote + 1
  for (;;) {
    const code = source.charCodeAt(at)
    if (code === BACKSLASH) at += 2
    else if (code === QUOTE) return at + 1
    else at += 1
  }
}

function endOfValue(source: string, start: number): number {
  if (source.charCodeAt(start) === QUOTE) return endOfString(source, start)
  let depth = 0
  let at = start
  for (;;) {
    const char = source[at]
    if (char === '"') {
      at = endOfString(source, at)
      continue
    }
    if (char === '{' || char === '[') depth += 1
    else if (char === '}' || char === ']') {
      if (depth === 0) return trimmedEnd(source, at)
      depth -= 1
      if (depth === 0) return at + 1
    } else if (char === ',' && depth === 0) return trimmedEnd(source, at)
    at += 1
  }
}

function trimmedEnd(source: string, end: number): number {
  let at = end
  while (SPACE.has(source.charCodeAt(at - 1))) at -= 1
  return at
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d])
