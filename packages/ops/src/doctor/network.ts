import { lookup } from 'node:dns/promises'
import { connect } from 'node:tls'
import { counted, span } from '../cli/format.ts'
import { ask, baseUrl } from '../supabase/http.ts'
import { type Finding, findingsOf, type Probe } from './finding.ts'

const { ok, warning, problem, skipped } = findingsOf('network')
const clock = findingsOf('clock')
const serveFindings = findingsOf('serve')

/** Days before its end at which a certificate should have been renewed by itself. */
const RENEWAL_DAYS = 14
const TLS_TIMEOUT_MS = 10_000
/** Difference of clocks, in seconds, from which on minutes and days of limits are visibly off. */
const SKEW_SECONDS = 5

/** Looks at the DNS entry and the certificate of each host name. */
export const probeNetwork: Probe = async ({ hosts }) =>
  hosts.length === 0
    ? [skipped('no host names: say --host, or run it in the folder of llm-gateway init')]
    : (await Promise.all(hosts.map(probeHost))).flat()

async function probeHost(host: string): Promise<Finding[]> {
  try {
    await lookup(host)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return [
      problem(`${host} has no DNS entry (${code})`, `fly certs setup ${host} lists the entries to make.`),
    ]
  }
  return [ok(`${host} has a DNS entry`), await probeCertificate(host)]
}

/** Returns what is wrong with the certificate of a host, or how long it is valid. */
function probeCertificate(host: string): Promise<Finding> {
  const fix = `fly certs check ${host}`
  return new Promise((resolve) => {
    const socket = connect({ host, port: 443, servername: host, timeout: TLS_TIMEOUT_MS }, () => {
      const days = Math.floor((Date.parse(socket.getPeerCertificate().valid_to) - Date.now()) / 86_400_000)
      const text = `the certificate of ${host} is valid for ${counted(days, 'day')}`
      resolve(days < RENEWAL_DAYS ? warning(text, fix) : ok(text))
      socket.destroy()
    })
    const fail = (reason: string) => {
      resolve(problem(`${host} has no valid certificate: ${reason}`, fix))
      socket.destroy()
    }
    socket.on('error', ({ message }) => fail(message))
    socket.on('timeout', () => fail('no answer'))
  })
}

/** Asks a running `serve` whether it is ready. */
export const probeServe: Probe = async ({ serve }) => {
  if (serve === undefined) return [serveFindings.skipped('no address: say --serve URL')]
  const answer = await ask(`${serve}/health/readiness`)
  if (typeof answer === 'string')
    return [
      serveFindings.problem(
        `${serve} cannot be reached: ${answer}`,
        'fly status and fly logs of the gateway.',
      ),
    ]
  return answer.status === 200
    ? [serveFindings.ok(`${serve} is ready`)]
    : [serveFindings.problem(`${serve} answers ${answer.status}`, 'fly logs of the gateway.')]
}

/** Compares this machine's clock with that of the first server that tells its own. */
export const probeClock: Probe = async ({ env, serve }) => {
  const urls = [env.LANGFUSE_BASE_URL, env.SUPABASE_URL, serve].flatMap((url) =>
    url ? (baseUrl(url) ?? []) : [],
  )
  for (const url of urls) {
    const began = Date.now()
    const answer = await ask(url)
    if (typeof answer === 'string' || answer.serverTime === undefined) continue
    // The header has whole seconds.
    const seconds = ((began + Date.now()) / 2 - answer.serverTime - 500) / 1_000
    const { host } = new URL(url)
    const by = Math.abs(seconds)
    if (by <= SKEW_SECONDS) return [clock.ok(`differs from ${host} by ${by.toFixed(1)} s`)]
    return [
      clock.problem(
        `this machine's clock is ${by < 120 ? `${by.toFixed(1)} s` : span(by * 1_000)} ${seconds > 0 ? 'ahead of' : 'behind'} ${host}`,
        'Synchronise it: limits of a minute and a day begin by this clock.',
      ),
    ]
  }
  return [clock.skipped('no server to compare with')]
}
