import { hash } from 'node:crypto'
import type { Refusal } from '../refuse.ts'

/** What a client shows that has no key for upstream. It never leaves this process. */
export const PLACEHOLDER = 'kept-by-llm-gateway'

/** Upstream's key, opened for one request, and the origin it belongs to. */
export type Opened = { key: string; origin: string }

/** What is known of the keys of a process. */
type Known = {
  /** SHA-256 of each team key, in hexadecimal, as policies list them. */
  hashes: Iterable<string>
  /** Its own team key, and the one it shows to LiteLLM. */
  keys: (string | undefined)[]
  /** The origin of the LiteLLM proxy, where team keys are at home. */
  proxy: string | undefined
}

/** A request that is about to leave. `shown`: the team key that it came with. */
export type Leaving = {
  url: string
  headers: Headers
  shown?: string | undefined
  opened?: Opened | undefined
}

/**
 * Judges every request on its way out, whichever way that is. The invariant: **a key reaches no origin but its own.** A key
 * that was opened belongs to the origin it was opened for; team keys belong to the LiteLLM proxy, if there is one, and
 * nowhere else. A request is looked at whole, its address and each of its headers, however a key is written there.
 */
export type Egress = {
  /** The refusal of a request that would take a key astray. */
  strays: (leaving: Leaving) => Refusal | undefined
  /** What a redirect to another origin would take along of its keys: nothing, what only some transports do, or any. */
  carries: (leaving: Leaving) => 'nothing' | 'authorization' | 'more'
  /** Whether a request shows no key, or in its place a team key or the placeholder. */
  lacksKey: (headers: Headers, shown: string | undefined) => boolean
}

/** Headers that a key may stand in. Of these, custody fills the first two. */
const CREDENTIALS = ['authorization', 'api-key', 'x-api-key', 'x-goog-api-key', 'x-litellm-api-key'] as const

/** Keys of this length are found inside other words, too. */
const LONG_KEY = 12
const MAX_VERDICTS = 1_000
/** Longer texts are judged afresh each time. */
const MAX_KEPT_CHARS = 4_096

export function createEgress({ hashes, keys, proxy }: Known): Egress {
  const listed = new Set([...hashes].map((each) => each.toLowerCase()))
  const own = [PLACEHOLDER, ...keys.filter((key) => key !== undefined && key !== '')] as string[]
  /** Most texts come with every request. */
  const verdicts = new Map<string, boolean>()

  const isListed = (word: string) =>
    TEAM_KEY.test(word) || (listed.size > 0 && listed.has(hash('sha256', word, 'hex')))

  function holdsTeamKey(text: string, shown: string | undefined): boolean {
    if (shown !== undefined && shown !== '' && !own.includes(shown) && writes(text, shown)) return true
    const known = verdicts.get(text)
    if (known !== undefined) return known
    const verdict = own.some((key) => writes(text, key)) || spellings(text).flatMap(wordsOf).some(isListed)
    if (verdicts.size >= MAX_VERDICTS) verdicts.clear()
    if (text.length <= MAX_KEPT_CHARS) verdicts.set(text, verdict)
    return verdict
  }

  const holdsKey = (text: string, shown: string | undefined, opened: Opened | undefined) =>
    (opened !== undefined && writes(text, opened.key)) || holdsTeamKey(text, shown)

  function strays({ url, headers, shown, opened }: Leaving): Refusal | undefined {
    const origin = originOf(url)
    // Nothing of it leaves.
    if (origin === undefined && url.startsWith('data:')) return undefined
    const isAtHome = origin !== undefined && origin === proxy
    const astray = opened !== undefined && origin !== opened.origin ? opened : undefined
    if (astray !== undefined && writes(url, astray.key)) return strayKey(origin, astray.origin)
    if (!isAtHome && holdsTeamKey(url, shown)) return strayTeamKey('its address', origin)
    for (const [name, value] of headers) {
      if (astray !== undefined && writes(value, astray.key)) return strayKey(origin, astray.origin)
      if (!isAtHome && holdsTeamKey(value, shown)) return strayTeamKey(`its header ${name}`, origin)
    }
    return undefined
  }

  return {
    strays,
    carries({ url, headers, shown, opened }) {
      if (opened === undefined && (proxy === undefined || originOf(url) !== proxy)) return 'nothing'
      for (const [name, value] of headers)
        if (!LEFT_BEHIND.has(name) && holdsKey(value, shown, opened)) return 'more'
      return 'authorization'
    },
    lacksKey: (headers, shown) =>
      CREDENTIALS.every((name) => {
        const value = headers.get(name)
        return value === null || holdsTeamKey(value, shown)
      }),
  }
}

/** A copy with the key in it, where one is missing or something stands in for it: the caller's own never hold it. */
export function withKey(headers: HeadersInit | undefined, key: string): Headers {
  const own = new Headers(headers)
  const isAzures = own.has('api-key')
  if (isAzures) own.set('api-key', key)
  if (!isAzures || own.has('authorization')) own.set('authorization', `Bearer ${key}`)
  return own
}

/**
 * Headers that `fetch` leaves behind where a redirect leads to another origin. Source: Fetch standard, "HTTP-redirect
 * fetch".
 */
const LEFT_BEHIND = new Set(['authorization', 'proxy-authorization', 'cookie', 'host'])

/** `undefined` for what has no origin, such as `data:`. */
export function originOf(url: string): string | undefined {
  if (url === lastUrl) return lastOrigin
  const origin = URL.parse(url)?.origin
  lastUrl = url
  lastOrigin = origin === 'null' ? undefined : origin
  return lastOrigin
}

/** The last address looked at: most processes ask one. */
let lastUrl: string | undefined
let lastOrigin: string | undefined

/** As `newTeamKey` makes them. */
const TEAM_KEY = /^gwk-[\w-]{20,}$/

/** The words of a text that may be a key: between blanks and quotes, and between signs of any kind. */
const wordsOf = (text: string): string[] => [
  text.trim(),
  ...text.split(/[\s,;"'<>]+/),
  ...text.split(/[^\w.~+-]+/),
]

const writes = (text: string, key: string) =>
  spellings(text).some((text) => (key.length >= LONG_KEY ? text.includes(key) : wordsOf(text).includes(key)))

/** A text as it stands, percent-decoded, and as the name and password of Basic authentication. */
function spellings(text: string): string[] {
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

/** The refusal of a request elsewhere that counts on the key kept in Redis. */
export const strayKey = (origin: string | undefined, home: string | undefined): Refusal => ({
  code: 'gateway_key_strays',
  message:
    `The key kept in Redis belongs to ${home ?? 'no origin that is known'}, and this request is for ${origin ?? 'no origin'}. ` +
    "It goes to its own origin only: give the request a key of its own, or name the key's origin (gateway.custody.origin).",
})

const strayTeamKey = (place: string, origin: string | undefined): Refusal => ({
  code: 'gateway_key_strays',
  message:
    `The request for ${origin ?? 'no origin'} has a team key in ${place}. Team keys are shown to this gateway (LLM_GATEWAY_KEY, ` +
    'gateway.key) and to the LiteLLM proxy (LITELLM_BASE_URL) alone: give the client a key for OpenAI (OPENAI_API_KEY), or ' +
    'keep that one in Redis (gateway.custody).',
})
