import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Policy } from '@hotdash/llm-gateway'
import { type HttpError, httpErrors } from './errors.ts'

/**
 * The authenticated caller of a request: its team key and team. Both are `undefined` for an anonymous caller, whose
 * team the gateway derives from the agent's name.
 */
export type Principal = { key: string; team: string } | { key: undefined; team: undefined }

export type Authenticator = ReturnType<typeof createAuthenticator>

/**
 * Creates the authenticator of the server. It reads team keys from the policy in force at each request, since a live
 * policy may change between two requests.
 */
export function createAuthenticator(policy: () => Readonly<Policy>, allowAnonymous: boolean) {
  let cached: { policy: Readonly<Policy>; teams: Map<string, string> } | undefined

  function teamsByKey(): Map<string, string> {
    const current = policy()
    if (cached?.policy !== current) cached = { policy: current, teams: teamsByKeyHash(current) }
    return cached.teams
  }

  return {
    /** Counts the team keys that the policy lists. */
    keyCount: () => teamsByKey().size,
    /** Returns the principal of a request, or the error to answer it with. */
    authenticate(headers: IncomingHttpHeaders): Principal | HttpError {
      const key = bearerKey(headers)
      const team = key === undefined ? undefined : teamsByKey().get(sha256(key))
      if (key !== undefined && team !== undefined) return { key, team }
      if (!allowAnonymous) return httpErrors.missingTeamKey
      // Refuses DNS rebinding (a foreign host name that resolves to loopback) and scripts of web pages (`origin`).
      if (headers.origin !== undefined || !isLoopback(hostnameOf(headers.host))) return httpErrors.notLocal
      return { key: undefined, team: undefined }
    },
  }
}

function teamsByKeyHash({ teams = {} }: Readonly<Policy>): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name, { keys = [] }] of Object.entries(teams))
    for (const hash of keys) found.set(hash.toLowerCase(), name)
  return found
}

/** Returns the team key, by precedence: `x-gateway-token`, `x-litellm-api-key`, `authorization`. */
function bearerKey(headers: IncomingHttpHeaders): string | undefined {
  const token = headers['x-gateway-token']
  if (typeof token === 'string' && token !== '') return decode(token)
  const litellm = headers['x-litellm-api-key']
  const given = typeof litellm === 'string' && litellm !== '' ? litellm : headers.authorization
  return given?.replace(/^Bearer\s+/i, '').trim() || undefined
}

/** Decodes a header value that `gatewayOptions` has percent-encoded; returns any other as it is. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const hostnameOf = (host = '') => host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')

/** Tells whether a host name or address names this machine's loopback interface. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
