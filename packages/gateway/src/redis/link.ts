import { wordsOf as describe } from '../words.ts'
import { type Connection, connectTo, type RedisClient } from './connect.ts'

/** Redis did not answer in time, or is known not to. Every caller has a way to go on without it. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable'
}

/** `connecting`: it has not answered yet. `slow`: it is there and misses its deadlines. `down`: it is not there. */
export type LinkState = 'connecting' | 'up' | 'slow' | 'down' | 'closed'

export type LinkStats = {
  state: LinkState
  /** Since when, in milliseconds since the epoch. */
  since: number
  /** Commands sent; a pipeline of three is three. */
  commands: number
  /** Of those, how many were not answered within the deadline. */
  timeouts: number
  /** Of those, how many failed otherwise. */
  errors: number
  /** The last trouble, in words that hold no password. */
  trouble?: string
}

/** Shared Redis, as the stages see it: something that answers soon, or says at once that it will not. */
export type Link = {
  /**
   * Sends a command. Errors that Redis answers are passed on as they are.
   * @throws RedisUnavailable within the deadline, or at once while Redis is known to be away.
   */
  ask: <T>(command: (client: RedisClient) => Promise<T>) => Promise<T>
  stats: () => LinkStats
  close: () => void
}

type Options = {
  /** Milliseconds that one command may take. */
  deadlineMs: number
  /** Milliseconds that the first connection may take, and the calls that are made meanwhile. */
  connectMs: number
  /** Told of each change, once. */
  onChange: (state: LinkState, trouble: string | undefined) => void
}

/** So many commands in a row must miss their deadline before the rest are spared the wait. */
const STRIKES = 3
const REVIVE_MIN_MS = 50
const REVIVE_MAX_MS = 1_000

/** Answers of a server that cannot do its work for now, as opposed to an answer about the command. */
const INCAPABLE = /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|NOAUTH|WRONGPASS|MISCONF|ERR max)/

/** Opens a connection in the background; while there is none, tries again, ever more patiently. */
export function createLink(target: string | RedisClient, options: Options): Link {
  const { deadlineMs, connectMs, onChange } = options
  const stats: LinkStats = { state: 'connecting', since: Date.now(), commands: 0, timeouts: 0, errors: 0 }
  let connection: Connection | undefined
  let strikes = 0
  let underWay = 0
  let revival: NodeJS.Timeout | undefined
  const first = establish(0)

  function become(state: LinkState, trouble?: string) {
    if (stats.state === 'closed' || stats.state === state) return
    stats.state = state
    stats.since = Date.now()
    if (trouble !== undefined) stats.trouble = trouble
    onChange(state, trouble)
  }

  async function establish(attempt: number): Promise<void> {
    try {
      connection ??= await connectTo(target)
      await timely(connection.open(), connectMs)
      await timely(connection.client.ping(), deadlineMs)
      strikes = 0
      become('up')
    } catch (error) {
      away(error)
      reviveLater(attempt)
    }
  }

  /** Its timer keeps no program alive. */
  function reviveLater(attempt: number) {
    if (revival !== undefined || stats.state === 'closed') return
    const patience = Math.min(REVIVE_MAX_MS, REVIVE_MIN_MS * 2 ** attempt)
    revival = setTimeout(
      () => {
        revival = undefined
        void establish(attempt + 1)
      },
      patience * (0.5 + Math.random() / 2),
    )
    revival.unref()
  }

  function away(error: unknown) {
    become(error instanceof TooLate ? 'slow' : 'down', wordsOf(error))
  }

  async function ask<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    if (stats.state === 'connecting') await first
    if (stats.state !== 'up' || connection === undefined)
      throw new RedisUnavailable(`Redis is ${stats.state}: ${stats.trouble ?? 'closed by the program'}`)
    stats.commands += 1
    underWay += 1
    try {
      const answer = await timely(
        underWay === 1 ? connection.alone(command) : command(connection.client),
        deadlineMs,
      )
      strikes = 0
      return answer
    } catch (error) {
      if (isAnswer(error) && !INCAPABLE.test(error.message)) throw error
      strikes += 1
      if (error instanceof TooLate) stats.timeouts += 1
      else stats.errors += 1
      if (!(error instanceof TooLate) || strikes >= STRIKES) {
        away(error)
        reviveLater(0)
      }
      throw new RedisUnavailable(wordsOf(error), { cause: error })
    } finally {
      underWay -= 1
    }
  }

  return {
    ask,
    stats: () => ({ ...stats }),
    close() {
      become('closed')
      clearTimeout(revival)
      connection?.close()
    },
  }
}

class TooLate extends Error {}

/** Its timer does keep the program alive, and so the command that is under way. */
function timely<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TooLate(`no answer within ${ms} ms`)), ms)
    const settle = <V>(how: (value: V) => void) => {
      return (value: V) => {
        clearTimeout(timer)
        how(value)
      }
    }
    promise.then(settle(resolve), settle(reject))
  })
}

/** By name: the program's ioredis may be another copy than ours. */
const isAnswer = (error: unknown): error is Error => error instanceof Error && error.name === 'ReplyError'

function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return describe(error)
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
  return `${error.message || error.name}${code}`.slice(0, 200)
}
