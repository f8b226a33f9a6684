import { isDeepStrictEqual } from 'node:util'
import { foldOf } from '../../conformance/fold.ts'
import { eventsOf } from '../../conformance/streams.ts'
import { type Cell, isExchange } from './clients.ts'
import type { Seen } from './run.ts'

/** What differs between what the bare client and the gateway's did, in words. */
export function differences(cell: Cell, theirs: Seen, mine: Seen): string[] {
  const found: string[] = []
  const { path } = cell
  const isLoose = cell.ending.isRacy || cell.transport.ownClasses
  const shown = ({ calls }: Seen) =>
    isLoose
      ? calls.map((call) => ({
          ...call,
          notes: call.notes.filter(([what]) => what !== 'error'),
          error: steady(call.error),
        }))
      : calls
  const its = shown(mine)
  for (const [place, call] of shown(theirs).entries()) {
    const own = its[place]
    const isHit =
      path === 'again' && place === theirs.calls.length - 1 && own?.asked === 0 && call.asked !== 0
    found.push(
      ...differ(
        `call ${place}`,
        isHit ? lasting(call) : given(call),
        isHit ? lasting(own) : own && given(own),
      ),
    )
  }
  const stored = isStored(cell, theirs)
  const questions = ({ books }: Seen) => books.filter((book) => !isExchange(book))
  // Whether two calls at the same time share one exchange is by chance.
  if (path !== 'together')
    found.push(
      ...differ('exchanges of tokens', theirs.books.filter(isExchange), mine.books.filter(isExchange)),
    )
  if (path === 'again' && stored !== false) {
    const [first = 0, second = 0] = mine.calls.slice(-2).map(({ asked }) => asked)
    if (stored && second > 0) found.push('what is to be stored was asked for again')
    found.push(...differ('the requests', questions(theirs).slice(0, first + second), questions(mine)))
  } else if (path === 'together' && cell.ending.isClosed === undefined) {
    const kinds = (seen: Seen) => [...new Set(questions(seen).map((book) => JSON.stringify(book)))].toSorted()
    const known = kinds(theirs)
    for (const book of kinds(mine))
      if (!known.includes(book)) found.push(`a request that the bare client does not send: ${book}`)
    if (known.length > 0 && mine.books.length === 0) found.push('no request')
    const most = theirs.books.length
    if (mine.books.length > most) found.push(`${mine.books.length} requests, not ${most}`)
  } else found.push(...differ('the requests', theirs.books, mine.books))
  for (const problem of mine.unsigned) if (problem !== undefined) found.push(`a request: ${problem}`)
  for (const problem of theirs.unsigned)
    if (problem !== undefined) found.push(`a request of the bare client: ${problem}`)
  return found
}

/** What differs between a refusal of the gateway's own and upstream's in the same words. */
export function refusalDifferences(theirs: Seen, mine: Seen): string[] {
  const asked = mine.books
    .filter((book) => !isExchange(book))
    .map(({ url }) => `a refused request reached upstream: ${url}`)
  const retried = mine.calls.flatMap(({ error }) => {
    const headers = isRecord(error) && isRecord(error.fields) ? error.fields.headers : undefined
    const isFinal = !isRecord(headers) || isDeepStrictEqual(headers['x-should-retry'], ['false'])
    return isFinal ? [] : ['a refusal that the SDK tries again']
  })
  return [...asked, ...retried, ...differ('calls', theirs.calls.map(worded), mine.calls.map(worded))]
}

/** Of a connection, and no part of an answer. */
const HOPS = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length'])

function worded(call: unknown): unknown {
  if (Array.isArray(call)) return call.map(worded)
  if (!isRecord(call)) return call
  const kept = Object.entries(call).filter(([name]) => !HOPS.has(name) && name !== 'asked')
  const isId = (name: string) => name === 'x-request-id' || name === 'requestID'
  return Object.fromEntries(kept.map(([name, value]) => [name, isId(name) ? typeof value : worded(value)]))
}

/** The refusal that a call ended in: its status, headers and body. */
export function refusalOf({
  calls,
}: Seen): { status: number; headers: Record<string, string[]>; body: string } | undefined {
  const error = calls.at(-1)?.error
  const fields = isRecord(error) && isRecord(error.fields) ? error.fields : {}
  const { status, headers, error: body } = fields
  if (typeof status !== 'number') return undefined
  return { status, headers: headers as Record<string, string[]>, body: JSON.stringify({ error: body }) }
}

/** Whether the answer to the first of two calls must have been stored, or must not; `undefined`: either is right. */
function isStored({ ending, operation, times, credential, way }: Cell, { calls }: Seen): boolean | undefined {
  // Signed before the gateway sees it: the signature may be anybody's.
  if (credential.isPublic && way === 'gateway.fetch') return false
  const first = calls.at(-2)
  if (first === undefined) return false
  // An answer that arrived whole may be stored although its caller left.
  if (first.error !== undefined) return ending.leaves === undefined ? false : ending.stored
  // What upstream said to the last try of it.
  const isAsUsual = (first.asked ?? 0) > times || (ending.ofStreams && !operation.stream)
  return isAsUsual ? undefined : ending.stored
}

const BROKEN = new Set<unknown>([
  'ECONNRESET',
  'ECONNREFUSED',
  'UND_ERR_SOCKET',
  'ERR_STREAM_PREMATURE_CLOSE',
])

/** What broke a connection, where that is by chance: a reset, or its end. */
function steady(error: unknown): unknown {
  if (!isRecord(error)) return error
  const { code } = isRecord(error.fields) ? error.fields : {}
  if (BROKEN.has(code)) return 'a broken connection'
  if (error.name === 'AbortError') return 'given up'
  const cause = steady(error.cause)
  return error.text === 'TypeError: terminated' ? cause : { ...error, cause }
}

const given = ({ notes, error }: Seen['calls'][number]) => ({ notes, error })

/** What of an answer is as true of a hit; the rest of its exchange is a row of the page. */
function lasting({ notes, error }: Seen['calls'][number]) {
  const kept = notes.map(([what, value]): [string, unknown] => {
    if (what === 'id') return [what, typeof value]
    if (what === 'yielded' || what === 'heard') return [what, 'in pieces']
    if (what !== 'exchange' || !isRecord(value)) return [what, value]
    const { headers, type: _, ...rest } = value
    return [what, { ...rest, kind: isRecord(headers) ? headers['content-type'] : undefined }]
  })
  const events = kept.filter(([what]) => what === 'event').map(([, event]) => event)
  return { notes: kept.filter(([what]) => what !== 'event'), sum: sumOf(events), error }
}

/** What the events of a stream add up to, however it is cut into pieces. */
const sumOf = (events: unknown[]): unknown =>
  events.some((event) => isRecord(event) && 'sequence_number' in event)
    ? eventsOf(events as Parameters<typeof eventsOf>[0])
    : foldOf(events)

/** The paths at which two values differ. */
export function differ(where: string, theirs: unknown, mine: unknown): string[] {
  if (isDeepStrictEqual(theirs, mine)) return []
  if (isRecord(theirs) && isRecord(mine)) {
    const names = new Set([...Object.keys(theirs), ...Object.keys(mine)])
    return [...names].flatMap((name) => differ(`${where}.${name}`, theirs[name], mine[name]))
  }
  return [`${where}: ${short(theirs)} became ${short(mine)}`]
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
const short = (value: unknown) => (JSON.stringify(value) ?? 'nothing').slice(0, 300)
