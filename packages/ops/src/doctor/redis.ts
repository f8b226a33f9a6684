import type { Redis } from 'ioredis'
import { infoFields } from '../alerting/redis.ts'
import { type Finding, findingsOf, type Probe } from './finding.ts'

const { ok, warning, problem, skipped } = findingsOf('redis')

/** Median of the round trips above which every miss becomes noticeably slower, in milliseconds. */
const SLOW_MS = 20
const PINGS = 9
/** Part of memory, and of connections, above which there is no room for a busy hour. */
const NEARLY_FULL = 0.8

/** Looks at version, eviction, latency, memory and connections of the agents' Redis. Writes nothing. */
export const probeRedis: Probe = async ({ env }) => {
  const url = env.LLM_GATEWAY_REDIS_URL
  if (!url) return [skipped('LLM_GATEWAY_REDIS_URL is not set: limits and caches are of each process')]
  const { Redis } = await import('ioredis')
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  let lastError = 'no answer'
  client.on('error', ({ message }: Error) => {
    lastError = message
  })
  try {
    await client.connect()
    return [...(await measure(client)), ...facts(infoFields(await client.info()))]
  } catch (error) {
    const reason = (error as Error).message === 'Connection is closed.' ? lastError : (error as Error).message
    return [
      problem(
        `cannot be reached: ${reason}`,
        /^(WRONGPASS|NOAUTH|ERR .*AUTH)/.test(reason)
          ? 'Its user or password is wrong: llm-gateway secrets set REDIS_URL, with Private URL of fly redis status NAME.'
          : 'fly redis status NAME shows its address, which answers inside the Fly organisation only: from elsewhere, use WireGuard or fly redis proxy.',
      ),
    ]
  } finally {
    client.disconnect()
  }
}

async function measure(client: Redis): Promise<Finding[]> {
  const times: number[] = []
  for (let ping = 0; ping < PINGS; ping += 1) {
    const began = performance.now()
    await client.ping()
    times.push(performance.now() - began)
  }
  const median = times.toSorted((one, other) => one - other)[Math.floor(PINGS / 2)] ?? 0
  const text = `a round trip takes ${median.toFixed(1)} ms`
  return [median > SLOW_MS ? warning(text, 'Run agents and Redis in one region.') : ok(text)]
}

function facts(info: Map<string, string>): Finding[] {
  const number = (name: string) => Number(info.get(name) ?? Number.NaN)
  const version = info.get('redis_version')
  const policy = info.get('maxmemory_policy')
  const [used, most] = [number('used_memory'), number('maxmemory')]
  const [clients, maxClients] = [number('connected_clients'), number('maxclients')]
  return [
    version === undefined
      ? warning('it does not tell its version', 'Redis 7 or later is needed.')
      : Number.parseInt(version, 10) < 7
        ? problem(`version ${version} is too old`, 'Redis 7 or later.')
        : ok(`version ${version}`),
    policy === undefined
      ? warning(
          'it does not tell whether it evicts keys',
          'fly redis status NAME must say: Eviction Disabled.',
        )
      : policy === 'noeviction'
        ? ok('evicts no keys')
        : problem(
            `evicts keys (${policy}): limits and money counted there can vanish`,
            'fly redis update NAME, and disable eviction; elsewhere: maxmemory-policy noeviction.',
          ),
    ...(most > 0 ? [share('memory', used / most, `${mebibytes(used)} of ${mebibytes(most)} MiB`)] : []),
    ...(clients > 0 && maxClients > 0
      ? [share('connections', clients / maxClients, `${clients} of ${maxClients}`)]
      : []),
  ]
}

const share = (what: string, part: number, text: string): Finding =>
  part > NEARLY_FULL
    ? warning(`${what}: ${text} are in use`, 'A larger plan, or fewer processes.')
    : ok(`${what}: ${text} are in use`)

const mebibytes = (bytes: number) => Math.round(bytes / 1_048_576)
