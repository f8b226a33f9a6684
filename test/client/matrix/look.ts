import type { Entry } from '../upstream.ts'

/** Ports are by chance, and so are the addresses that messages name. */
const steady = (text: string) => text.replaceAll(/(127\.0\.0\.1|localhost):\d+/g, '$1:port')

/** What the gateway adds, and the moment of the exchange. */
const VARIES = /^(x-gateway-|age$|date$)/

/** Headers of any library's class, by name. */
export function headersSeen(headers: Headers): Record<string, string[]> {
  const seen: Record<string, string[]> = {}
  for (const [name, value] of headers.entries())
    if (!VARIES.test(name)) seen[name] = [...(seen[name] ?? []), value]
  return seen
}

const isHeaders = (value: unknown): value is Headers =>
  typeof value === 'object' && value !== null && 'append' in value && 'entries' in value

/** Everything that a program can read of a thrown value, its causes included. */
export function errorSeen(thrown: unknown, depth = 0): unknown {
  if (!(thrown instanceof Error)) return ['not an Error', String(thrown)]
  const fields: Record<string, unknown> = {}
  for (const name of Object.getOwnPropertyNames(thrown).toSorted()) {
    const value = (thrown as unknown as Record<string, unknown>)[name]
    if (name === 'stack' || name === 'cause' || name === 'socket') continue
    // Ports vary.
    if (name === 'port' || name === 'localPort') continue
    if (isHeaders(value)) fields[name] = headersSeen(value)
    else if (value instanceof Map) fields[name] = [...value]
    else if (value instanceof Error) fields[name] = errorSeen(value, depth + 1)
    else fields[name] = typeof value === 'string' ? steady(value) : value
  }
  return {
    classes: classesOf(thrown),
    name: thrown.name,
    // Libraries word it differently.
    text: thrown.name === 'AbortError' ? 'AbortError' : steady(String(thrown)),
    fields,
    own: Object.keys(thrown).toSorted(),
    ...('cause' in thrown && depth < 5 && { cause: errorSeen(thrown.cause, depth + 1) }),
  }
}

function classesOf(value: object): string[] {
  const names: string[] = []
  for (let it = Object.getPrototypeOf(value); it !== null; it = Object.getPrototypeOf(it))
    names.push((it as object).constructor.name)
  return names
}

/** What was noted, as plain data. */
export const plain = (value: unknown): unknown =>
  value instanceof Error ? errorSeen(value) : value === undefined ? undefined : structuredClone(value)

/** A request as upstream saw it, without what differs by the server that it came to. */
export function requestSeen({ method, url, headers, body }: Entry, isSigned: boolean, isLate: boolean) {
  const { host: _, ...rest } = headers
  // These depend on the time; `sigv4.ts` verifies them.
  if (isSigned) for (const name of ['authorization', 'x-amz-date']) rest[name] = 'signed'
  if (isLate) delete rest['x-replaced']
  // Their order is not compared.
  return { method, url, headers: Object.fromEntries(Object.entries(rest).toSorted()), body }
}
