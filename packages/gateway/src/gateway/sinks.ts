import type { Settings } from '../config/settings.ts'
import type { Policy } from '../core/policy.ts'
import type { RedisConnection } from '../redis/connection.ts'
import type { Sink } from '../sinks/sink.ts'
import type { Warn } from '../util/log.ts'

/** Creates the built-in sinks that options and environment switch on, and adds those given by the program. */
export function configuredSinks(
  { builtInSinks, sinks, quota }: Settings,
  policy: () => Policy,
  redis: RedisConnection | undefined,
  warn: Warn,
): Sink[] {
  const deps = { redis, keyLocking: quota?.keyLocking ?? false, policy, warn }
  return [...builtInSinks.flatMap((create) => create(deps) ?? []), ...sinks]
}
