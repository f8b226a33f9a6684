import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Policy } from '@hotdash/llm-gateway'
import { type Problem, problems } from './errors.ts'

/** Who sends a request. Without a key it is nobody's, and the gateway goes by the agent's name. */
export type Sender = { key: string; team: string } | { key: undefined; team: undefined }

export type Callers = ReturnType<typeof createCallers>

/** Tells senders apart by their keys. The policy may change under our hands. */
export function createCallers(policy: () => Readonly<Policy>, allowAnonymous: boolean) {
  let known: { policy: Readonly<Policy>; teams: Map<string, string> } | undefined

  function teamsByKey(): Map<string, string> {
    const current = policy()
    if (known?.policy !== current) known = { policy: current, teams: keysOf(current) }
    return known.teams
  }

  return {
    keys: () => teamsByKey().size,
    senderOf(headers: IncomingHttpHeaders): Sender | Problem {
      const key = keyIn(headers)
      const team = key === undefined ? undefined : teamsByKey().get(sha256(key))
      if (key !== undefined && team !== undefined) return { key, team }
      if (!allowAnonymous) return problems.noKey
      // Names that a web page could give this machine are not its own, and scripts in it tell where they come from.
      if (headers.origin !== undefined || !isLoopback(hostIn(headers.host))) return problems.fromABrowser
      return { key: undefined, team: undefined }
    },
  }
}

function keysOf({ teams = {} }: Readonly<Policy>): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name, { keys = [] }] of Object.entries(teams))
    for (const hash of keys) found.set(hash.toLowerCase(), name)
  return found
}

/** The most particular first: a call's own, LiteLLM's, the client's. */
function keyIn(headers: IncomingHttpHeaders): string | undefined {
  const own = headers['x-gateway-token']
  if (typeof own === 'string' && own !== '') return decoded(own)
  const litellm = headers['x-litellm-api-key']
  const given = typeof litellm === 'string' && litellm !== '' ? litellm : headers.authorization
  return given?.replace(/^Bearer\s+/i, '').trim() || undefined
}

/** As `gatewayOptions` writes it. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const hostIn = (host = '') => host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
