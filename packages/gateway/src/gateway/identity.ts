import { hostname } from 'node:os'
import type { GatewayProcess } from '../policy/live/presence.ts'

/** Set by the build; absent where sources run as they are. */
declare const PACKAGE_VERSION: string | undefined

const packageVersion = typeof PACKAGE_VERSION === 'string' ? PACKAGE_VERSION : 'source'

/** Returns a function that names this gateway and its process. Asked for only where an operator asks. */
export function createIdentity(agent: string | undefined) {
  const startedAt = Date.now()
  return (): Pick<GatewayProcess, 'host' | 'pid' | 'gateway' | 'node' | 'agent' | 'startedAt'> => ({
    host: hostname(),
    pid: process.pid,
    gateway: packageVersion,
    node: process.versions.node,
    ...(agent !== undefined && { agent }),
    startedAt,
  })
}
