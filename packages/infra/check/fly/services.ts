import type { Finding } from '../finding.ts'
import { groupsOf } from './machines.ts'
import type { FlyFile } from './parse.ts'
import { secondsOf } from './units.ts'

/** A check of a service (clamped by Fly to 1 s to 60 s) or of the top level (refused by Fly below 2 s and above 60 s). */
type Check = {
  path: (string | number)[]
  interval: string
  timeout: string
  grace_period: string
  headers?: Record<string, string> | undefined
  isHttps: boolean
}

function checksOf({ config }: FlyFile): Check[] {
  const http = config.http_service
  return [
    ...(http?.checks ?? []).map((check, index) => ({
      ...check,
      path: ['http_service', 'checks', index],
      isHttps: http?.force_https === true,
    })),
    ...(config.services ?? []).flatMap((service, at) =>
      (['http_checks', 'tcp_checks'] as const).flatMap((kind) =>
        (service[kind] ?? []).map((check, index) => ({
          ...check,
          path: ['services', at, kind, index],
          isHttps: kind === 'http_checks' && service.ports.some(({ force_https }) => force_https === true),
        })),
      ),
    ),
    ...Object.entries(config.checks ?? {}).map(([name, check]) => ({
      ...check,
      path: ['checks', name],
      isHttps: false,
    })),
  ]
}

/** Limits of checks: 2 s to 60 s, an answer due before the next check, and no redirect in place of an answer. */
export function checkFindings(fly: FlyFile): Finding[] {
  const { at } = fly
  return checksOf(fly).flatMap((check) => {
    const { path, isHttps, headers } = check
    const outside = (['interval', 'timeout', 'grace_period'] as const)
      .map((field) => ({ field, seconds: secondsOf(check[field]) }))
      .filter(({ field, seconds }) => seconds < (field === 'interval' ? 2 : 1) || seconds > 60)
      .map(({ field, seconds }) =>
        at(
          [...path, field],
          'fly-checks',
          `${field} is ${seconds} s; Fly takes ${field === 'interval' ? 2 : 1} s to 60 s`,
          'A duration between them.',
        ),
      )
    const late =
      secondsOf(check.timeout) > secondsOf(check.interval)
        ? [at([...path, 'timeout'], 'fly-checks', 'timeout is longer than interval', 'A shorter timeout.')]
        : []
    const redirected =
      isHttps && headers?.['X-Forwarded-Proto'] !== 'https'
        ? [
            at(
              [...path, 'headers'],
              'fly-checks',
              'force_https answers this check with a redirect, which counts as a failure',
              'headers = { X-Forwarded-Proto = "https" }',
            ),
          ]
        : []
    return [...outside, ...late, ...redirected]
  })
}

/** Machines that answer stay up, and no two services of a group want one port. */
export function serviceFindings(fly: FlyFile): Finding[] {
  const { config, at } = fly
  const services = [
    ...(config.http_service
      ? [{ ...config.http_service, path: ['http_service'] as (string | number)[], outside: [80, 443] }]
      : []),
    ...(config.services ?? []).map((service, index) => ({
      ...service,
      path: ['services', index] as (string | number)[],
      outside: service.ports.flatMap(({ port }) => port ?? []),
    })),
  ]
  const findings = services.flatMap(({ path, auto_stop_machines: stop, min_machines_running: least }) => [
    ...(stop === 'off' || stop === false
      ? []
      : [at([...path, 'auto_stop_machines'], 'fly-autostop', 'machines stop without traffic', '"off".')]),
    ...(least >= 1
      ? []
      : [at([...path, 'min_machines_running'], 'fly-autostop', 'no machine needs to run', '1 or more.')]),
  ])
  const taken = new Map<string, string>()
  for (const { path, internal_port, processes, outside } of services) {
    const wanted = [
      ...processes.map((group) => `internal port ${internal_port} of group "${group}"`),
      ...outside.map((port) => `public port ${port}`),
    ]
    for (const port of wanted) {
      if (taken.has(port))
        findings.push(at([...path, 'internal_port'], 'fly-ports', `${port} is taken`, 'Another port.'))
      taken.set(port, path.join('.'))
    }
  }
  for (const { path, concurrency } of services)
    if (concurrency && concurrency.soft_limit > concurrency.hard_limit)
      findings.push(
        at(
          [...path, 'concurrency', 'soft_limit'],
          'fly-services',
          'soft_limit is above hard_limit',
          'soft_limit below hard_limit.',
        ),
      )
  const watched = new Set([
    ...services.flatMap(({ processes }) => processes),
    ...Object.values(config.checks ?? {}).flatMap(({ processes }) => processes),
  ])
  if (watched.size === 0)
    findings.push(
      at(
        ['app'],
        'fly-checks',
        `no check looks at ${groupsOf(fly).join(', ')}`,
        'Add [http_service] or [checks].',
      ),
    )
  const own = config.env?.PORT
  if (own !== undefined && services.some(({ internal_port }) => String(internal_port) !== own))
    findings.push(
      at(
        ['env', 'PORT'],
        'fly-ports',
        `the program listens on ${own}, and a service asks another port`,
        'One port.',
      ),
    )
  return findings
}
