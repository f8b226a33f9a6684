import { LRUCache } from 'lru-cache'
import type { Egress, OpenedKey, OutgoingHead } from '../core/egress.ts'
import type { Refusal } from '../core/refusal-codes.ts'
import { hash } from '../util/runtime.ts'

/** Key of a client that has no upstream key. It never leaves this process. */
export const PLACEHOLDER_KEY = 'kept-by-llm-gateway'
/** Keys that a process knows. */
type Known = {
  /** SHA-256 of each team key, in hexadecimal, as policies list them. */
  hashes: Iterable<string>
  /** The process's own team key, and the one it sends to LiteLLM. */
  keys: (string | undefined)[]
  /** Origin of the LiteLLM proxy, the only one that may receive team keys. */
  proxy: string | undefined
}

/** Headers that may hold a key. Custody fills the first two. */
const CREDENTIALS = ['authorization', 'api-key', 'x-api-key', 'x-goog-api-key', 'x-litellm-api-key'] as const

/** Keys of at least this length are also found inside other words. */
const LONG_KEY_CHARS = 12
const MAX_VERDICTS = 1_000
/** Longest text whose verdict is cached. */
const MAX_CACHED_CHARS = 4_096

export function createEgress({ hashes, keys, proxy }: Known): Egress {
  const listed = new Set([...hashes].map((each) => each.toLowerCase()))
  const own = [PLACEHOLDER_KEY, ...keys.filter((key) => key !== undefined && key !== '')] as string[]
  /** Verdict per text: most texts recur with every request. */
  const verdicts = new LRUCache<string, boolean>({ max: MAX_VERDICTS })
  /** The last head that may be sent: most requests of a process show the same. */
  let cleared: readonly string[] = []

  const isListed = (word: string) =>
    TEAM_KEY.test(word) || (listed.size > 0 && listed.has(hash('sha256', word, 'hex')))

  function holdsTeamKey(text: string, shown: string | undefined): boolean {
    if (shown !== undefined && shown !== '' && !own.includes(shown) && containsKey(text, shown)) return true
    const known = verdicts.get(text)
    if (known !== undefined) return known
    const verdict =
      own.some((key) => containsKey(text, key)) || decodings(text).flatMap(wordsOf).some(isListed)
    if (text.length <= MAX_CACHED_CHARS) verdicts.set(text, verdict)
    return verdict
  }

  const holdsKey = (text: string, shown: string | undefined, opened: OpenedKey | undefined) =>
    (opened !== undefined && containsKey(text, opened.key)) || holdsTeamKey(text, shown)

  function strayRefusal(head: OutgoingHead): Refusal | undefined {
    if (head.opened !== undefined) return examined(head)
    const parts = [head.url, head.shown ?? '']
    head.headers.forEach((value) => void parts.push(value))
    if (areEqual(parts, cleared)) return undefined
    const refusal = examined(head)
    if (refusal === undefined) cleared = parts
    return refusal
  }

  function examined({ url, headers, shown, opened }: OutgoingHead): Refusal | undefined {
    const origin = originOf(url)
    // A `data:` URL is never sent.
    if (origin === undefined && url.startsWith('data:')) return undefined
    const isProxy = origin !== undefined && origin === proxy
    const astray = opened !== undefined && origin !== opened.origin ? opened : undefined
    if (astray !== undefined && containsKey(url, astray.key)) return strayKey(origin, astray.origin)
    if (!isProxy && holdsTeamKey(url, shown)) return strayTeamKey('its URL', origin)
    let refusal: Refusal | undefined
    headers.forEach((value, name) => {
      if (refusal !== undefined) return
      if (astray !== undefined && containsKey(value, astray.key)) refusal = strayKey(origin, astray.origin)
      else if (!isProxy && holdsTeamKey(value, shown)) refusal = strayTeamKey(`its header ${name}`, origin)
    })
    return refusal
  }

  return {
    strayRefusal,
    redirectCarries({ url, headers, shown, opened }) {
      if (opened === undefined && (proxy === undefined || originOf(url) !== proxy)) return 'nothing'
      for (const [name, value] of headers)
        if (!DROPPED_ON_REDIRECT.has(name) && holdsKey(value, shown, opened)) return 'more'
      return 'authorization'
    },
    lacksKey: (headers, shown) =>
      CREDENTIALS.every((name) => {
        const value = headers.get(name)
        return value === null || holdsTeamKey(value, shown)
      }),
  }
}

/** Returns a copy of the headers with the key, replacing a placeholder; the caller's own headers never hold the key. */
export function withAuthorization(headers: HeadersInit | undefined, key: string): Headers {
  const own = new Headers(headers)
  const isAzures = own.has('api-key')
  if (isAzures) own.set('api-key', key)
  if (!isAzures || own.has('authorization')) own.set('authorization', `Bearer ${key}`)
  return own
}

const areEqual = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every((part, at) => part === other[at])

/** Headers that `fetch` drops on a redirect to another origin. Source: Fetch standard, "HTTP-redirect fetch". */
const DROPPED_ON_REDIRECT = new Set(['authorization', 'proxy-authorization', 'cookie', 'host'])

/** Returns the origin; `undefined` for URLs without one, such as `data:`. */
export function originOf(url: string): string | undefined {
  if (url === lastUrl) return lastOrigin
  const origin = URL.parse(url)?.origin
  lastUrl = url
  lastOrigin = origin === 'null' ? undefined : origin
  return lastOrigin
}

/** The last address and its origin: most processes call one. */
let lastUrl: string | undefined
let lastOrigin: string | undefined

/** Format of `newTeamKey`. */
const TEAM_KEY = /^gwk-[\w-]{20,}$/

/** Returns the words of a text that may be keys: split at blanks and quotes, and at punctuation. */
const wordsOf = (text: string): string[] => [
  text.trim(),
  ...text.split(/[\s,;"'<>]+/),
  ...text.split(/[^\w.~+-]+/),
]

const containsKey = (text: string, key: string) =>
  decodings(text).some((text) =>
    key.length >= LONG_KEY_CHARS ? text.includes(key) : wordsOf(text).includes(key),
  )

/** Returns a text as it stands, percent-decoded, and as decoded credentials of Basic authentication. */
function decodings(text: string): string[] {
  const found = [text]
  if (text.includes('%')) found.push(decoded(text))
  const [, basic] = /\bbasic\s+([\w+/=-]+)/i.exec(text) ?? []
  if (basic !== undefined) found.push(Buffer.from(basic, 'base64').toString('latin1'))
  return found
}

function decoded(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  )
}

/** Returns the refusal of a request to an origin that the key kept in Redis does not belong to. */
export const strayKey = (origin: string | undefined, home: string | undefined): Refusal => ({
  code: 'gateway_key_strays',
  message:
    `The key kept in Redis belongs to ${home ?? 'no origin that is known'}, and this request is for ${origin ?? 'no origin'}. ` +
    "It goes to its own origin only: give the request a key of its own, or name the key's origin (gateway.custody.origin).",
})

const strayTeamKey = (place: string, origin: string | undefined): Refusal => ({
  code: 'gateway_key_strays',
  message:
    `The request for ${origin ?? 'no origin'} has a team key in ${place}. Team keys may go only to this gateway (LLM_GATEWAY_KEY, ` +
    'gateway.key) and to the LiteLLM proxy (LITELLM_BASE_URL): give the client a key for OpenAI (OPENAI_API_KEY), or ' +
    'keep that one in Redis (gateway.custody).',
})
