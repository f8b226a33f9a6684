import type { Settings } from '../config/settings.ts'
import type { LimitedLog } from '../core/log-codes.ts'
import type { Policy } from '../core/policy.ts'
import type { RedisConnection } from '../redis/connection.ts'
import type { Sink } from '../sinks/sink.ts'

/** Creates the built-in sinks that options and environment switch on, and adds those given by the program. */
export function configuredSinks(
  { builtInSinks, sinks, quota }: Settings,
  policy: () => Policy,
  connection: RedisConnection | undefined,
  warn: LimitedLog,
): Sink[] {
  const deps = { redis: connection, keyLocking: quota?.keyLocking ?? false, policy, warn }
  return [...builtInSinks.flatMap((create) => create(deps) ?? []), ...sinks]
}
