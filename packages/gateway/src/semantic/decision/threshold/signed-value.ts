import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisConnection } from '../../../redis/connection.ts'
import { createScript } from '../../../redis/script.ts'
import { isSigned, signatureOf } from '../../../util/signature.ts'
import swapSource from '../../store/swap.lua'

/** Length of the signature as text, which identifies one state of the value. */
const STATE_BYTES = 22
/** Attempts of one write against concurrent writers. */
const MAX_TRIES = 40
/** Longest random wait before another attempt, in milliseconds. */
const RETRY_MAX_MS = 20

/**
 * Reads and writes values in Redis that are a signature, a line break and text. Only holders of the secret can write one that is
 * read.
 * @param keptMs milliseconds until a value expires after its last write
 */
export function createSignedValues(
  redis: RedisConnection,
  { keyLocking, keptMs, maxBytes }: { keyLocking: boolean; keptMs: number; maxBytes: number },
) {
  const swap = createScript(swapSource, keyLocking ? 'allow-key-locking' : undefined)

  async function stateOf(name: string, secret: Buffer): Promise<{ held: Buffer; text: string | undefined }> {
    const value = (await redis.run((client) => client.getBuffer(name))) ?? Buffer.alloc(0)
    const held = value.subarray(0, STATE_BYTES)
    const written = held.toString('latin1')
    const signature = Buffer.from(written, 'base64url')
    const body = value.subarray(STATE_BYTES + 1)
    const isOurs =
      value.length <= maxBytes &&
      value[STATE_BYTES] === LINE_BREAK &&
      signature.toString('base64url') === written &&
      isSigned(signature, secret, `${name}\n`, body)
    return { held, text: isOurs ? body.toString('utf8') : undefined }
  }

  return {
    /**
     * Returns the text; `undefined` if it is absent or not signed.
     * @throws if Redis does not answer, or the key holds another type
     */
    read: async (name: string, secret: Buffer) => (await stateOf(name, secret)).text,
    /**
     * Replaces the text by what `change` makes of it, against concurrent writers. Returns whether it was written.
     * @throws as `read` does
     */
    async update(
      name: string,
      secret: Buffer,
      change: (text: string | undefined) => string | undefined,
    ): Promise<boolean> {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const { held, text } = await stateOf(name, secret)
        const body = change(text)
        if (body === undefined) return false
        const value = `${signatureOf(secret, `${name}\n`, Buffer.from(body)).toString('base64url')}\n${body}`
        const args = [held, value, STATE_BYTES, keptMs]
        if ((await redis.run((client) => swap.run(client, [name], args))) === 1) return true
        await sleep(Math.random() * RETRY_MAX_MS)
      }
      return false
    },
  }
}

const LINE_BREAK = 10
