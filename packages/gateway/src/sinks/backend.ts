import type * as z from 'zod/mini'
import type { LimitedLog, LogCode } from '../core/log-codes.ts'
import type { Policy } from '../core/policy.ts'
import type { RedisConnection } from '../redis/connection.ts'
import type { Sink } from './sink.ts'

/** What the settings of a built-in sink depend on besides its own option. */
export type SinkEnvironment = {
  variables: NodeJS.ProcessEnv
  hasRedis: boolean
  /** Logs a message at start-up, e.g. about variables of which only some are set. */
  notice: (code: LogCode, message: string) => void
}

/** What a built-in sink uses of its gateway. */
export type SinkDeps = {
  /** Shared Redis. `undefined` without it. */
  redis: RedisConnection | undefined
  /** Declares each script's keys to Upstash, which then locks those keys and not the whole database. */
  keyLocking: boolean
  /** Returns the policy in force. */
  policy: () => Policy
  warn: LimitedLog
}

/** A built-in sink: the schema of its option, the settings from option and environment, and the sink. */
export type SinkBackend<Options, Settings> = {
  schema: z.ZodMiniType
  /**
   * Returns `undefined` where the sink is off.
   * @throws GatewayOptionsError naming each field or variable at fault.
   */
  settingsFrom: (option: false | Options | undefined, env: SinkEnvironment) => Settings | undefined
  /** Returns `undefined` where something it needs is absent. */
  create: (settings: Settings, deps: SinkDeps) => Sink | undefined
}
