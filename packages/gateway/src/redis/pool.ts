import type { Fault } from '../util/faults.ts'
import type { RedisClient } from './connect.ts'
import {
  createRedisConnection,
  type RedisConnection,
  type RedisState,
  RedisUnavailable,
} from './connection.ts'

type Options = Parameters<typeof createRedisConnection>[1]
type User = { onChange: Options['onChange']; fault: Fault }

/** One connection to Redis, and the clients of this process that use it. */
type Root = { link: RedisConnection; users: Set<User> }

const roots = new Map<string, Root>()
const rootOfLink = new WeakMap<RedisConnection, RedisConnection>()

/**
 * Returns a link that shares its connections with all links of this process to the same address under the same deadlines.
 * They are closed with the last of them. A client that the program made itself is not shared.
 */
export function acquireConnection(target: string | RedisClient, options: Options): RedisConnection {
  if (typeof target !== 'string') return createRedisConnection(target, { ...options, isBackground: true })
  const name = JSON.stringify([target, options.deadlineMs, options.connectMs])
  const root = roots.get(name) ?? createRoot(target, name, options)
  const { onChange, fault = () => undefined } = options
  const user: User = { onChange, fault }
  root.users.add(user)
  return shareOf(root, fault, () => {
    if (!root.users.delete(user) || root.users.size > 0) return
    roots.delete(name)
    root.link.close()
  })
}

/** The link whose connections a shared one uses. */
export const sharedConnectionOf = (link: RedisConnection): RedisConnection => rootOfLink.get(link) ?? link

function createRoot(target: string, name: string, { deadlineMs, connectMs }: Options): Root {
  const users = new Set<User>()
  const onChange = (state: RedisState, trouble: string | undefined) => {
    for (const user of users) user.onChange(state, trouble)
  }
  const fault: Fault = (error, where) => {
    for (const user of users) user.fault(error, where)
  }
  const root = {
    link: createRedisConnection(target, { deadlineMs, connectMs, onChange, fault, isBackground: true }),
    users,
  }
  roots.set(name, root)
  return root
}

/** Commands are counted for each client; how Redis is, is the same for all. */
function shareOf({ link }: Root, fault: Fault, release: () => void): RedisConnection {
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
      return link.run(counted, wait).catch((error: unknown) => {
        if (isSent && error instanceof RedisUnavailable)
          counts[error.message.startsWith('no answer within') ? 'timeouts' : 'errors'] += 1
        throw error
      })
    },
    lastOutage: () => link.lastOutage(),
    stats() {
      const stats = { ...link.stats(), ...counts }
      return closedAt === undefined ? stats : { ...stats, state: 'closed', since: closedAt }
    },
    close() {
      if (closedAt !== undefined) return
      closedAt = Date.now()
      release()
    },
  }
  rootOfLink.set(share, link)
  return share
}
