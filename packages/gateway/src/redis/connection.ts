import { errorText as describe, isInstance } from '../util/error-text.ts'
import { detached, type Fault, guarded, attempt as guardedly, ignoreRejection } from '../util/faults.ts'
import { clearTimer, setTimer } from '../util/timers.ts'
import { connectTo, type OpenClient, type RedisClient } from './connect.ts'
import { createLoopClock, DeadlineExceeded } from './loop-clock.ts'

/** Redis did not answer in time, or is known not to. Every caller has a way to go on without it. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable'
}

/** `connecting`: it has not answered yet. `slow`: it is there and silent. `down`: it is not there, or cannot write. */
export type RedisState = 'connecting' | 'up' | 'slow' | 'down' | 'closed'

export type RedisStats = {
  state: RedisState
  /** Since when, in milliseconds since the epoch. */
  since: number
  /** Commands sent; a pipeline of three is three. */
  commands: number
  /** Of those, how many were not answered within the deadline. */
  timeouts: number
  /** Of those, how many failed otherwise. */
  errors: number
  /** The last trouble, in words that hold no password. */
  lastError?: string
}

/**
 * How long a command waits. `deadline`: for what is nice to have, such as the cache. `reply`: for what must hold, such
 * as a reservation: it waits while the connection lives and Redis has not been silent for `SILENT_MS`, and is sent once
 * more over a new connection, so that it must change nothing when it is repeated.
 */
export type Wait = 'deadline' | 'reply'

/** Shared Redis, as the stages see it: something that answers soon, or says at once that it will not. */
export type RedisConnection = {
  /**
   * Sends a command. Errors that Redis answers are passed on as they are.
   * @throws RedisUnavailable within the deadline, or at once while Redis is known to be away.
   */
  run: <T>(command: (client: RedisClient) => Promise<T>, wait?: Wait) => Promise<T>
  /** The last time that Redis was away, if it was: when it was back, in milliseconds since the epoch, and how long it took. */
  lastOutage: () => Outage | undefined
  stats: () => RedisStats
  close: () => void
  /** Told of faults in what goes on over it unawaited. */
  fault: Fault
}

export type Outage = { backAt: number; ms: number }

type Options = {
  /** Milliseconds that one command may take. */
  deadlineMs: number
  /** Milliseconds that the first connection may take, and the calls that are made meanwhile. */
  connectMs: number
  /** Told of each change, once. */
  onChange: (state: RedisState, trouble: string | undefined) => void
  /** Told of faults in what goes on unawaited. */
  fault?: Fault
  /**
   * While Redis is away, what waits for it keeps no program alive: whatever a program waits for holds it by itself.
   * @default false: each command that is under way does
   */
  isBackground?: boolean
}

const CONNECTION = 'the connection to Redis'

/** After silence of so many deadlines, commands that are nice to have are spared the wait. */
const SILENT_DEADLINES = 3
/** After silence of so many milliseconds, the connection counts as lost. */
const SILENT_MS = 1_000
const REVIVE_MIN_MS = 50
const REVIVE_MAX_MS = 1_000

/** Answers of a server that cannot do its work for now, as opposed to an answer about the command. */
const INCAPABLE = /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|NOAUTH|WRONGPASS|MISCONF|ERR max)/
const PROBE_KEY = 'gw:{probe}:write'

/**
 * Opens a connection in the background; while there is none, tries again with exponential backoff. Redis is judged by
 * its replies: it is up once it has accepted a write, silent only in time in which this process could have read a
 * reply, and a connection to a server that cannot work is given up for a new one, whose address is looked up anew.
 */
export function createRedisConnection(target: string | RedisClient, options: Options): RedisConnection {
  const { deadlineMs, connectMs, onChange, fault = () => undefined, isBackground = false } = options
  const stats: RedisStats = { state: 'connecting', since: Date.now(), commands: 0, timeouts: 0, errors: 0 }
  const clock = createLoopClock(fault)
  const silentMs = Math.max(SILENT_MS, SILENT_DEADLINES * deadlineMs)
  /** The connection that commands are sent over. A silent Redis is `slow` while its connection is still in use. */
  let connection: OpenClient | undefined
  /** Replies that Redis owes over it, and when it was last heard (by `clock`) or began to owe. */
  let owed = 0
  let heardAt = 0
  let awaySince: number | undefined
  let outage: Outage | undefined
  let revival: NodeJS.Timeout | undefined
  /** The attempt to connect that is under way. */
  let attempt: Promise<void> | undefined = begin(0)

  function become(state: RedisState, trouble?: string) {
    if (stats.state === 'closed' || stats.state === state) return
    if (state === 'up') {
      if (awaySince !== undefined) outage = { backAt: Date.now(), ms: performance.now() - awaySince }
      awaySince = undefined
    } else awaySince ??= performance.now()
    stats.state = state
    stats.since = Date.now()
    if (trouble !== undefined) stats.lastError = trouble
    if (isBackground) clock.keepAlive(state === 'up')
    guarded(() => onChange(state, trouble), fault, CONNECTION)
  }

  /** After a fault, too, there will be another attempt. */
  function begin(tries: number): Promise<void> {
    const work = establish(tries).catch((error: unknown) => {
      fault(error, CONNECTION)
      attempt = undefined
      reviveLater(tries)
    })
    detached(work, fault, CONNECTION)
    return work
  }

  async function establish(tries: number): Promise<void> {
    let made: OpenClient | undefined
    try {
      made = await connectTo(target, fault)
      await clock.within(made.open(), connectMs)
      await clock.within(probe(made.client), Math.max(deadlineMs, connectMs))
      if (stats.state === 'closed') return made.close()
      const opened = made
      opened.onLost(
        ignoreRejection(
          () => lose(opened, 'down', new Error('the connection was closed')),
          fault,
          CONNECTION,
        ),
      )
      connection = opened
      owed = 0
      become('up')
    } catch (error) {
      connection = undefined
      made?.close()
      become(isInstance(error, DeadlineExceeded) ? 'slow' : 'down', wordsOf(error))
      reviveLater(tries)
    } finally {
      attempt = undefined
    }
  }

  /** Its timer keeps no program alive. */
  function reviveLater(tries: number) {
    if (stats.state === 'closed') return
    const patience = Math.min(REVIVE_MAX_MS, REVIVE_MIN_MS * 2 ** tries) * (0.5 + Math.random() / 2)
    const revive = () => {
      attempt = begin(tries + 1)
    }
    revival = setTimer(guardedly, patience, revive, fault, CONNECTION, revive)
    revival.unref()
  }

  /** Gives a connection up. The first new one is tried at once, so that a reservation can wait for it. */
  function lose(lost: OpenClient, state: 'slow' | 'down', error: unknown) {
    if (connection !== lost) return
    connection = undefined
    lost.close()
    become(state, wordsOf(error))
    attempt = begin(0)
  }

  function replied(over: OpenClient) {
    if (connection !== over) return
    owed -= 1
    heardAt = clock.now()
    if (stats.state === 'slow') become('up')
  }

  /**
   * Sends, and notes each reply, however late.
   * @throws TooLate after `deadlineMs`, or once Redis has owed replies for `silentMs` and sent none.
   */
  function send<T>(command: (client: RedisClient) => Promise<T>, over: OpenClient, wait: Wait): Promise<T> {
    stats.commands += 1
    if (owed === 0) heardAt = clock.now()
    owed += 1
    return clock.within(
      sent(command, over),
      wait === 'deadline' ? deadlineMs : silentMs,
      // An error that is no reply ends the connection, and with it what it owes.
      (error) => (error === undefined || isReply(error)) && replied(over),
      wait === 'deadline' ? undefined : () => silentMs - (clock.now() - heardAt),
    )
  }

  function ask<T>(command: (client: RedisClient) => Promise<T>, wait: Wait): Promise<T> {
    return attempt !== undefined && (stats.state === 'connecting' || wait === 'reply')
      ? attempt.then(() => askNow(command, wait))
      : askNow(command, wait)
  }

  function askNow<T>(command: (client: RedisClient) => Promise<T>, wait: Wait): Promise<T> {
    const over = connection
    if (over === undefined || (stats.state === 'slow' && wait === 'deadline'))
      return Promise.reject(
        new RedisUnavailable(`Redis is ${stats.state}: ${stats.lastError ?? 'closed by the program'}`),
      )
    return send(command, over, wait).catch((error) => failed(error, over))
  }

  /** @throws the error, where Redis answered the command with it; RedisUnavailable otherwise. */
  function failed(error: unknown, over: OpenClient): never {
    if (isReply(error) && !INCAPABLE.test(error.message)) throw error
    if (isInstance(error, DeadlineExceeded)) onSilence(over, error)
    else {
      stats.errors += 1
      lose(over, 'down', error)
    }
    throw new RedisUnavailable(wordsOf(error), { cause: error })
  }

  /** Over a new connection, where there is one to be had: a failover or an idle timeout ends the old one. */
  function askAgain<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    return ask(command, 'reply').catch((error: unknown) => {
      if (
        attempt === undefined ||
        !isInstance(error, RedisUnavailable) ||
        isInstance(error.cause, DeadlineExceeded)
      )
        throw error
      return ask(command, 'reply')
    })
  }

  function onSilence(over: OpenClient, error: DeadlineExceeded) {
    stats.timeouts += 1
    const silence = clock.now() - heardAt
    if (connection !== over || owed === 0) return
    if (silence >= silentMs) lose(over, 'slow', error)
    else if (silence >= SILENT_DEADLINES * deadlineMs && stats.state === 'up') {
      become('slow', wordsOf(error))
      // Slow or gone: what decides is whether it replies before it has been silent for too long.
      void ask((client) => client.ping(), 'reply').catch(() => undefined)
    }
  }

  return {
    run: (command, wait = 'deadline') => (wait === 'reply' ? askAgain(command) : ask(command, wait)),
    fault,
    lastOutage: () => outage,
    stats: () => ({ ...stats }),
    close() {
      become('closed')
      clearTimer(revival)
      connection?.close()
      connection = undefined
    },
  }
}

/** A replica, or a server that lost its password or its disk, answers PING as well: only a write tells. This one leaves nothing behind. */
async function probe(client: RedisClient): Promise<void> {
  try {
    await client.unlink(PROBE_KEY)
  } catch (error) {
    // A server that forbids this key may do its other work.
    if (!isReply(error) || INCAPABLE.test(error.message)) throw error
  }
}

/** A command that throws is one that rejects. */
function sent<T>(command: (client: RedisClient) => Promise<T>, over: OpenClient): Promise<T> {
  try {
    return over.send(command)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** By name: the program's ioredis may be another copy than ours. */
const isReply = (error: unknown): error is Error => isInstance(error, Error) && error.name === 'ReplyError'

function wordsOf(error: unknown): string {
  if (!isInstance(error, Error) || typeof error.message !== 'string') return describe(error)
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
  return `${error.message || error.name}${code}`.slice(0, 200)
}
