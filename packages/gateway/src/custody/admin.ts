import { GatewayOptionsError } from '../core/options-error.ts'
import type { IoredisClient } from '../redis/connect.ts'
import { createRedisConnection } from '../redis/connection.ts'
import { createScript } from '../redis/script.ts'
import { idOf, isStrong, seal, unseal } from './cipher.ts'
import { CHANNEL, vaultOf } from './key-provider.ts'
import rotateSource from './rotate.lua'

export { newTeamKey } from './cipher.ts'

/** A team key under which an upstream key is sealed. */
export type SealedKey = {
  /** Identifies a team key within its team; reveals nothing about it. */
  id: string
  /** Milliseconds since the epoch. */
  sealedAt: number
  by: string
}

type Sealing = { team: string; teamKey: string; upstreamKey: string; by?: string }

/** Admin of the keys kept in Redis. All methods throw RedisUnavailable when Redis is unavailable. */
export type Vault = {
  /** Seals an upstream key under a team key. @throws GatewayOptionsError for keys that can be guessed. */
  seal: (sealing: Sealing) => Promise<SealedKey>
  /**
   * Replaces the upstream key under every team key of a team; returns their number. @throws GatewayOptionsError under
   * another master key.
   */
  rotate: (team: string, upstreamKey: string) => Promise<number>
  /** Deletes a sealed key; `false`: there was none. All processes evict it within seconds, at most a minute. */
  revoke: (team: string, id: string) => Promise<boolean>
  list: (team: string) => Promise<SealedKey[]>
  /** Returns the upstream key sealed under a team key; `undefined`: none. */
  open: (team: string, teamKey: string) => Promise<string | undefined>
  close: () => void
}

const DEADLINES = { deadlineMs: 5_000, connectMs: 5_000 }

/**
 * @param masterKey The operator's master key, required by `seal` and `rotate`.
 * @example const vault = openVault({ redis: process.env.LLM_GATEWAY_REDIS_URL, masterKey })
 */
export function openVault({
  redis,
  masterKey,
}: {
  redis: string | IoredisClient
  masterKey?: string
}): Vault {
  const connection = createRedisConnection(redis, { ...DEADLINES, onChange: () => undefined })
  const rotateScript = createScript(rotateSource)

  function master(): string {
    if (masterKey === undefined || !isStrong(masterKey))
      throw new GatewayOptionsError(
        'LLM_GATEWAY_MASTER_KEY: must have at least 24 characters; llm-gateway keys new makes one',
      )
    return masterKey
  }

  async function notify(team: string) {
    await connection.run((client) => client.publish(CHANNEL, team))
  }

  return {
    async seal({ team, teamKey, upstreamKey, by = 'a program' }) {
      if (!isStrong(teamKey))
        throw new GatewayOptionsError(
          'team key: is too easy to guess; llm-gateway keys new makes a strong one',
        )
      if (!/^[!-~]{8,4000}$/.test(upstreamKey))
        throw new GatewayOptionsError("upstream's key: must be one word of at least 8 characters")
      const id = idOf(teamKey, team)
      const entry = { sealedAt: Date.now(), by }
      const fields = {
        [`t:${id}`]: seal(upstreamKey, teamKey, { team, what: 'upstream', id }),
        [`m:${id}`]: seal(teamKey, master(), { team, what: 'team-key', id }),
        [`i:${id}`]: JSON.stringify(entry),
      }
      await connection.run((client) => client.hset(vaultOf(team), fields))
      await notify(team)
      return { id, ...entry }
    },
    async rotate(team, upstreamKey) {
      const key = master()
      const fields = await connection.run((client) => client.hgetall(vaultOf(team)))
      const args: string[] = []
      for (const [field, value] of Object.entries(fields)) {
        if (!field.startsWith('m:')) continue
        const id = field.slice(2)
        const teamKey = unseal(value, key, { team, what: 'team-key', id })
        if (teamKey === undefined || idOf(teamKey, team) !== id)
          throw new GatewayOptionsError(
            `LLM_GATEWAY_MASTER_KEY: does not open the key ${id} of team ${team}; nothing was changed`,
          )
        args.push(id, seal(upstreamKey, teamKey, { team, what: 'upstream', id }))
      }
      if (args.length === 0) return 0
      const set = await connection.run((client) => rotateScript.run(client, [vaultOf(team)], args))
      await notify(team)
      return typeof set === 'number' ? set : 0
    },
    async revoke(team, id) {
      const gone = await connection.run((client) =>
        client.hdel(vaultOf(team), `t:${id}`, `m:${id}`, `i:${id}`),
      )
      await notify(team)
      return gone > 0
    },
    async list(team) {
      const fields = await connection.run((client) => client.hgetall(vaultOf(team)))
      return Object.entries(fields).flatMap(([field, value]) =>
        field.startsWith('i:') ? [{ id: field.slice(2), ...entryOf(value) }] : [],
      )
    },
    async open(team, teamKey) {
      const id = idOf(teamKey, team)
      const value = await connection.run((client) => client.hget(vaultOf(team), `t:${id}`))
      return value === null ? undefined : unseal(value, teamKey, { team, what: 'upstream', id })
    },
    close: () => connection.close(),
  }
}

function entryOf(text: string): { sealedAt: number; by: string } {
  try {
    const { sealedAt, by } = JSON.parse(text) as { sealedAt?: unknown; by?: unknown }
    return {
      sealedAt: typeof sealedAt === 'number' ? sealedAt : 0,
      by: typeof by === 'string' ? by.slice(0, 100) : '',
    }
  } catch {
    return { sealedAt: 0, by: '' }
  }
}
