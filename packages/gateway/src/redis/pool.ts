import { isInstance } from '../util/error-text.ts'
import type { Fault } from '../util/faults.ts'
import type { IoredisClient } from './connect.ts'
import {
  createRedisConnection,
  type OnRedisChange,
  type RedisConnection,
  RedisUnavailable,
} from './connection.ts'

type Options = Parameters<typeof createRedisConnection>[1]
type User = { onChange: Options['onChange']; fault: Fault }

/** One connection to Redis, and the clients of this process that use it. */
type Root = { connection: RedisConnection; users: Set<User> }

const roots = new Map<string, Root>()
const rootOf = new WeakMap<RedisConnection, RedisConnection>()

/**
 * Returns a connection shared by all clients of this process with the same address and deadlines; it closes with the
 * last of them. A client that the program made itself is not shared.
 */
export function acquireConnection(target: string | IoredisClient, options: Options): RedisConnection {
  if (typeof target !== 'string') return createRedisConnection(target, { ...options, isBackground: true })
  const name = JSON.stringify([target, options.deadlineMs, options.connectMs])
  const root = roots.get(name) ?? createRoot(target, name, options)
  const { onChange, fault = () => undefined } = options
  const user: User = { onChange, fault }
  root.users.add(user)
  return shareOf(root, fault, () => {
    if (!root.users.delete(user) || root.users.size > 0) return
    roots.delete(name)
    root.connection.close()
  })
}

/** Returns the underlying connection of a shared one. */
export const sharedConnectionOf = (connection: RedisConnection): RedisConnection =>
  rootOf.get(connection) ?? connection

function createRoot(target: string, name: string, { deadlineMs, connectMs }: Options): Root {
  const users = new Set<User>()
  const onChange: OnRedisChange = (...change) => {
    for (const user of users) user.onChange(...change)
  }
  const fault: Fault = (error, where) => {
    for (const user of users) user.fault(error, where)
  }
  const root = {
    connection: createRedisConnection(target, { deadlineMs, connectMs, onChange, fault, isBackground: true }),
    users,
  }
  roots.set(name, root)
  return root
}

/** Counts commands per client; the state of Redis is common to all. */
function shareOf({ connection }: Root, fault: Fault, release: () => void): RedisConnection {
  const counts = { commands: 0, timeouts: 0, errors: 0 }
  let closedAt: number | undefined

  const share: RedisConnection = {
    fault,
    run(command, wait) {
      if (closedAt !== undefined)
        return Promise.reject(new RedisUnavailable('Redis is closed: closed by the program'))
      let isSent = false
      const counted: typeof command = (client) => {
        counts.commands += 1
        isSent = true
        return command(client)
      }
      return connection.run(counted, wait).catch((error: unknown) => {
        if (isSent && isInstance(error, RedisUnavailable))
          counts[error.message.startsWith('no answer within') ? 'timeouts' : 'errors'] += 1
        throw error
      })
    },
    lastOutage: () => connection.lastOutage(),
    availableWithin: (ms) =>
      closedAt === undefined ? connection.availableWithin(ms) : Promise.resolve(false),
    unavailableMs: () => connection.unavailableMs(),
    stats() {
      const stats = { ...connection.stats(), ...counts }
      return closedAt === undefined ? stats : { ...stats, state: 'closed', since: closedAt }
    },
    close() {
      if (closedAt !== undefined) return
      closedAt = Date.now()
      release()
    },
  }
  rootOf.set(share, connection)
  return share
}
