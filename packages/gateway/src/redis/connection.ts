import { backoffMs } from '../util/backoff.ts'
import { isInstance } from '../util/error-text.ts'
import {
  detached,
  type Fault,
  guarded,
  attempt as guardedly,
  handled,
  ignoreRejection,
} from '../util/faults.ts'
import { PackageUnusable } from '../util/load-package.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { connectTo, type IoredisClient, type OpenClient, type RedisClient } from './connect.ts'
import { describeError, isReply } from './errors.ts'
import { createLoopClock, DeadlineExceeded } from './loop-clock.ts'
import { INCAPABLE, probe } from './probe.ts'
import { createWaiters } from './waiters.ts'

/** Thrown when Redis did not answer in time, or is known to be unavailable. Every caller can continue without it. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable'
}

/** `connecting`: no answer yet. `slow`: connected but silent. `down`: unreachable, or unable to write. */
export type RedisState = 'connecting' | 'up' | 'slow' | 'down' | 'closed'

export type RedisStats = {
  state: RedisState
  /** Start of this state, in milliseconds since the epoch. */
  since: number
  /** Commands sent; a pipeline of three is three. */
  commands: number
  /** Commands not answered within the deadline. */
  timeouts: number
  /** Commands that failed otherwise. */
  errors: number
  /** The last error, without passwords. */
  lastError?: string
}

/**
 * How long a command waits. `deadline`: for optional work, such as the cache. `reply`: for required work: it waits while the
 * connection lives and Redis has not been silent for `SILENT_MS`, and is sent again over a new one; repeating it changes nothing.
 */
export type Wait = 'deadline' | 'reply'

/** Shared Redis as the stages see it: answers soon, or rejects at once. */
export type RedisConnection = {
  /**
   * Sends a command. Error replies of Redis are passed on unchanged.
   * @throws RedisUnavailable within the deadline, or at once while Redis is known to be unavailable.
   */
  run: <T>(command: (client: RedisClient) => Promise<T>, wait?: Wait) => Promise<T>
  /** The last outage: its end, in milliseconds since the epoch, and its duration. `undefined`: none yet. */
  lastOutage: () => Outage | undefined
  /** Waits until Redis is available, for `ms` at most. Returns whether it is. The timer keeps the process alive. */
  availableWithin: (ms: number) => Promise<boolean>
  /** Milliseconds since Redis was last available, or since this connection was created; 0 while it is available. */
  unavailableMs: () => number
  stats: () => RedisStats
  close: () => void
  /** Reports faults in unawaited work on this connection. */
  fault: Fault
}

export type Outage = { backAt: number; ms: number }

/** Called for each change of state. `isUnusable`: ioredis cannot be loaded, and no later attempt would load it. */
export type OnRedisChange = (state: RedisState, reason: string | undefined, isUnusable?: boolean) => void

type Options = {
  /** Milliseconds that one command may take. */
  deadlineMs: number
  /** Milliseconds that the first connection may take, and calls made meanwhile. */
  connectMs: number
  onChange: OnRedisChange
  /** Reports faults in unawaited work. */
  fault?: Fault
  /**
   * While Redis is unavailable, commands that wait for it do not keep the process alive: callers do that themselves.
   * @default false: each pending command keeps the process alive
   */
  isBackground?: boolean
}

const CONNECTION = 'the connection to Redis'

/** After silence of this many deadlines, optional commands are rejected at once. */
const SILENT_DEADLINES = 3
/** After this many milliseconds of silence, the connection counts as lost. */
const SILENT_MS = 1_000
const RECONNECT = { min: 50, max: 1_000 }

/**
 * Opens a connection in the background; without one, retries with exponential backoff. Redis is judged by its
 * replies: it is up once it has accepted a write, and silent only during time in which this process could have read a
 * reply. A connection to a server that cannot work is replaced by a new one, whose address is resolved again.
 */
export function createRedisConnection(target: string | IoredisClient, options: Options): RedisConnection {
  const { deadlineMs, connectMs, onChange, fault = () => undefined, isBackground = false } = options
  const stats: RedisStats = { state: 'connecting', since: Date.now(), commands: 0, timeouts: 0, errors: 0 }
  const clock = createLoopClock(fault)
  const silentMs = Math.max(SILENT_MS, SILENT_DEADLINES * deadlineMs)
  /** The connection that commands are sent over. While Redis is `slow` it stays in use. */
  let connection: OpenClient | undefined
  /** Replies pending on it, and the time (by `clock`) of the last reply or of the first pending command. */
  let pendingReplies = 0
  let lastReplyAt = 0
  let unavailableSince: number | undefined
  const createdAt = performance.now()
  const waiters = createWaiters()
  let outage: Outage | undefined
  let reconnectTimer: NodeJS.Timeout | undefined
  /** The running attempt to connect. */
  let attempt: Promise<void> | undefined = startConnecting(0)

  function setState(state: RedisState, reason?: string, isUnusable = false) {
    if (stats.state === 'closed' || stats.state === state) return
    if (state === 'up') {
      if (unavailableSince !== undefined)
        outage = { backAt: performance.now(), ms: performance.now() - unavailableSince }
      unavailableSince = undefined
    } else unavailableSince ??= performance.now()
    stats.state = state
    stats.since = Date.now()
    if (reason !== undefined) stats.lastError = reason
    if (state === 'up' || state === 'closed') waiters.release()
    if (isBackground) clock.keepAlive(state === 'up')
    guarded(() => onChange(state, reason, isUnusable), fault, CONNECTION)
  }

  /** A fault schedules another attempt as well. */
  function startConnecting(tries: number): Promise<void> {
    const work = connect(tries).catch((error: unknown) => {
      fault(error, CONNECTION)
      attempt = undefined
      reconnectLater(tries)
    })
    detached(work, fault, CONNECTION)
    return work
  }

  async function connect(tries: number): Promise<void> {
    let opening: OpenClient | undefined
    try {
      opening = await connectTo(target, fault)
      await clock.within(handled(opening.open()), connectMs)
      await clock.within(handled(probe(opening.client)), Math.max(deadlineMs, connectMs))
      if (stats.state === 'closed') return opening.close()
      const opened = opening
      opened.onLost(
        ignoreRejection(
          () => drop(opened, 'down', new Error('the connection was closed')),
          fault,
          CONNECTION,
        ),
      )
      connection = opened
      pendingReplies = 0
      setState('up')
    } catch (error) {
      connection = undefined
      opening?.close()
      if (isInstance(error, PackageUnusable)) return setState('down', error.message, true)
      setState(isInstance(error, DeadlineExceeded) ? 'slow' : 'down', describeError(error))
      reconnectLater(tries)
    } finally {
      attempt = undefined
    }
  }

  /** The timer does not keep the process alive. */
  function reconnectLater(tries: number) {
    if (stats.state === 'closed') return
    const reconnect = () => {
      attempt = startConnecting(tries + 1)
    }
    reconnectTimer = setTimer(
      guardedly,
      backoffMs(tries + 1, RECONNECT),
      reconnect,
      fault,
      CONNECTION,
      reconnect,
    )
    reconnectTimer.unref()
  }

  /** Drops a connection. Connects anew at once, so that a reservation can wait for it. */
  function drop(dropped: OpenClient, state: 'slow' | 'down', error: unknown) {
    if (connection !== dropped) return
    connection = undefined
    dropped.close()
    setState(state, describeError(error))
    attempt = startConnecting(0)
  }

  function onReply(over: OpenClient) {
    if (connection !== over) return
    pendingReplies -= 1
    lastReplyAt = clock.now()
    if (stats.state === 'slow') setState('up')
  }

  /**
   * Sends a command, and notes its reply however late it comes.
   * @throws DeadlineExceeded after `deadlineMs`, or once replies have been pending for `silentMs` and none came.
   */
  function send<T>(command: (client: RedisClient) => Promise<T>, over: OpenClient, wait: Wait): Promise<T> {
    stats.commands += 1
    if (pendingReplies === 0) lastReplyAt = clock.now()
    pendingReplies += 1
    return clock.within(
      handled(sendSafely(command, over)),
      wait === 'deadline' ? deadlineMs : silentMs,
      // An error that is not a reply ends the connection, with all that is pending on it.
      (error) => (error === undefined || isReply(error)) && onReply(over),
      wait === 'deadline' ? undefined : () => silentMs - (clock.now() - lastReplyAt),
    )
  }

  function runOnce<T>(command: (client: RedisClient) => Promise<T>, wait: Wait): Promise<T> {
    return attempt !== undefined && (stats.state === 'connecting' || wait === 'reply')
      ? attempt.then(() => runNow(command, wait))
      : runNow(command, wait)
  }

  function runNow<T>(command: (client: RedisClient) => Promise<T>, wait: Wait): Promise<T> {
    const over = connection
    if (over === undefined || (stats.state === 'slow' && wait === 'deadline'))
      return Promise.reject(
        new RedisUnavailable(`Redis is ${stats.state}: ${stats.lastError ?? 'closed by the program'}`),
      )
    return send(command, over, wait).catch((error) => rethrow(error, over))
  }

  /** @throws the error, if Redis replied with it to the command; RedisUnavailable otherwise. */
  function rethrow(error: unknown, over: OpenClient): never {
    if (isReply(error) && !INCAPABLE.test(error.message)) throw error
    if (isInstance(error, DeadlineExceeded)) onSilence(over, error)
    else {
      stats.errors += 1
      drop(over, 'down', error)
    }
    throw new RedisUnavailable(describeError(error), { cause: error })
  }

  /** Repeats a command over a new connection, if one can be opened: a failover or an idle timeout ends the old one. */
  function runWithRetry<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    return runOnce(command, 'reply').catch((error: unknown) => {
      if (
        attempt === undefined ||
        !isInstance(error, RedisUnavailable) ||
        isInstance(error.cause, DeadlineExceeded)
      )
        throw error
      return runOnce(command, 'reply')
    })
  }

  function onSilence(over: OpenClient, error: DeadlineExceeded) {
    stats.timeouts += 1
    const silence = clock.now() - lastReplyAt
    if (connection !== over || pendingReplies === 0) return
    if (silence >= silentMs) drop(over, 'slow', error)
    else if (silence >= SILENT_DEADLINES * deadlineMs && stats.state === 'up') {
      setState('slow', describeError(error))
      // Decides between slow and gone: whether a reply comes before the silence limit.
      void runOnce((client) => client.ping(), 'reply').catch(() => undefined)
    }
  }

  return {
    run: (command, wait = 'deadline') => (wait === 'reply' ? runWithRetry(command) : runOnce(command, wait)),
    fault,
    lastOutage: () => outage,
    async availableWithin(ms) {
      if (stats.state !== 'up' && stats.state !== 'closed') await waiters.wait(ms)
      return stats.state === 'up'
    },
    unavailableMs: () => (stats.state === 'up' ? 0 : performance.now() - (unavailableSince ?? createdAt)),
    stats: () => ({ ...stats }),
    close() {
      setState('closed')
      clearTimer(reconnectTimer)
      connection?.close()
      connection = undefined
    },
  }
}

/** Turns a command that throws into a rejection. */
function sendSafely<T>(command: (client: RedisClient) => Promise<T>, over: OpenClient): Promise<T> {
  try {
    return over.send(command)
  } catch (error) {
    return Promise.reject(error)
  }
}
