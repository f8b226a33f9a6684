import { createHash } from 'node:crypto'
import { isInstance } from '../util/error-text.ts'
import type { RedisClient } from './connect.ts'

/**
 * `allow-key-locking`: without this flag Upstash locks its whole database during a script; open-source Redis rejects
 * the flag.
 */
export type ScriptFlags = 'allow-oom' | 'allow-key-locking'

export type Script = {
  /** Runs in one round trip; two where the server does not know the script yet. */
  run: (client: RedisClient, keys: string[], args: (string | number | Buffer)[]) => Promise<unknown>
}

/** Errors of servers that cannot parse the first line: Redis before 7, and servers that do not know a flag. */
const UNREADABLE = /shebang|unexpected symbol|user_script:1|Unknown script engine|Unexpected flag/i

/**
 * Creates a script with its own digest. `defineCommand` would add a method to a client that the program lent. With
 * `allow-oom`, counting continues when Redis is full; a script without flags stops at its first write.
 */
export function createScript(source: string, flags?: ScriptFlags): Script {
  const plain = variant(source)
  let current = flags === undefined ? plain : variant(`#!lua flags=${flags}\n${source}`)

  async function run(
    client: RedisClient,
    keys: string[],
    args: (string | number | Buffer)[],
  ): Promise<unknown> {
    const script = current
    const rest = [...keys, ...args]
    try {
      return await evaluate(client, 'evalsha', script.sha, keys.length, rest)
    } catch (error) {
      if (!isInstance(error, Error) || !error.message.startsWith('NOSCRIPT')) throw error
    }
    try {
      return await evaluate(client, 'eval', script.text, keys.length, rest)
    } catch (error) {
      if (script === plain || !isInstance(error, Error) || !UNREADABLE.test(error.message)) throw error
      current = plain
      return await run(client, keys, args)
    }
  }

  return { run }
}

const variant = (text: string) => ({ text, sha: createHash('sha1').update(text).digest('hex') })

/**
 * ioredis 5 groups pipelined commands by their first argument, which here is not a key; so in a cluster each script
 * gets its own pipeline.
 */
async function evaluate(
  client: RedisClient,
  command: 'eval' | 'evalsha',
  script: string,
  keys: number,
  rest: (string | number | Buffer)[],
): Promise<unknown> {
  if (!client.isCluster || !client.options.enableAutoPipelining)
    return await client[command](script, keys, ...rest)
  const [[error, value] = [undefined, undefined]] =
    (await client
      .pipeline()
      [command](script, keys, ...rest)
      .exec()) ?? []
  if (error) throw error
  return value
}
