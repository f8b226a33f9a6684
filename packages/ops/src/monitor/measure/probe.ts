import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { ProbeResult } from './measured.ts'

type Target = { name: string; url: string }

/**
 * Asks an address over a new connection. It is up if it answers with a status below 400 and its whole body within
 * `timeoutMs`, which includes the look-up of its name, the connection and TLS. Redirects are not followed. Never rejects.
 */
export function probe({ name, url }: Target, timeoutMs: number): Promise<ProbeResult> {
  const shown = withoutLogin(url)
  return new Promise((resolve) => {
    let certificateEndsAt: number | undefined
    const end = (ok: boolean, detail: string) => {
      clearTimeout(timer)
      request.destroy()
      resolve({ name, url: shown, ok, detail, ...(certificateEndsAt !== undefined && { certificateEndsAt }) })
    }
    const send = url.startsWith('https:') ? requestHttps : requestHttp
    const request = send(
      url,
      { agent: false, headers: { 'user-agent': 'llm-gateway-monitor' } },
      (response) => {
        certificateEndsAt = endOfCertificate(response.socket)
        const { statusCode = 0 } = response
        response.on('error', (error) => end(false, error.message))
        response.on('end', () => end(statusCode < 400, `status ${statusCode}`))
        response.resume()
      },
    )
    const timer = setTimeout(() => end(false, `no answer within ${timeoutMs / 1_000} s`), timeoutMs)
    request.on('error', (error) => end(false, error.message || 'the connection failed'))
    request.end()
  })
}

/** Returns an address as people may see it: messages and the state in Redis have no password. */
function withoutLogin(url: string): string {
  const shown = new URL(url)
  if (shown.username === '' && shown.password === '') return url
  shown.username = ''
  shown.password = ''
  return shown.href
}

function endOfCertificate(socket: object): number | undefined {
  if (!('getPeerCertificate' in socket)) return undefined
  const { valid_to: end } = (socket as TLSSocket).getPeerCertificate()
  const at = end === undefined ? Number.NaN : Date.parse(end)
  return Number.isNaN(at) ? undefined : at
}
