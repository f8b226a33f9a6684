import { LRUCache } from 'lru-cache'
import { type LimitedLog, LOG_LEVELS, type Log } from '../core/log-codes.ts'
import { callHook } from './faults.ts'

/** Receives log messages, e.g. `console`, pino or winston. */
export type Logger = Pick<Console, 'warn' | 'info'>

/** Time in which a code and subject are logged once. */
const QUIET_MS = 60_000
/** Bounds memory: a subject may be the name of a sink of the program. */
const MAX_SUBJECTS = 1_000
/** A reason that ends with a full stop, within a sentence that ends with one. */
const DOUBLE_STOP = /(?<=[\w)"'])\.\.(?=\s|$)/g
/** Bound for programs that make up ever new messages. */
const MAX_MESSAGES = 100

/**
 * Writes each message as one string, `[llm-gateway] CODE: message`, to the method of its level. What a logger throws, or
 * rejects with later, is dropped: a message that cannot be written must not fail a call.
 *
 * @param logger the global `console` when absent, looked up for each message; `false` drops all messages.
 */
export function createLog(logger: Logger | false | undefined): Log {
  if (logger === false) return () => undefined
  return function log(code, message) {
    const line = `[llm-gateway] ${code}: ${message.replace(DOUBLE_STOP, '.')}`
    callHook(
      () => {
        const target = logger ?? console
        return (LOG_LEVELS[code] === 'info' ? target.info(line) : target.warn(line)) as unknown
      },
      () => undefined,
    )
  }
}

/** Logs at most one message a minute for each code and subject. */
export function rateLimited(log: Log): LimitedLog {
  const quietUntil = new LRUCache<string, number>({ max: MAX_SUBJECTS })
  return (code, message, subject = '') => {
    const key = `${code} ${subject}`
    if (performance.now() < (quietUntil.get(key) ?? 0)) return false
    quietUntil.set(key, performance.now() + QUIET_MS)
    log(code, message)
    return true
  }
}

/** Logs no message twice, and no more than 100 different ones. */
export function deduplicated(log: Log): Log {
  const logged = new Set<string>()
  return (code, message) => {
    const key = `${code} ${message}`
    if (logged.has(key) || logged.size >= MAX_MESSAGES) return
    logged.add(key)
    log(code, message)
  }
}
