import { spawn } from 'node:child_process'
import { createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { sampled } from '../runs.ts'

const script = fileURLToPath(new URL('../fixtures/hostile-end.mjs', import.meta.url))
/** Last words, one attempt to connect, two looks, and what a busy machine takes; well below two deadlines in a row. */
const LONGEST_MS = 12_000

/** Accepts connections and says nothing. */
async function hungServer() {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    at: `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

test.each(
  sampled([
    'redis',
    'redis langfuse supabase custom linger',
    'langfuse',
    'redis langfuse',
    'redis langfuse supabase',
    'redis langfuse linger',
    'redis langfuse flush',
    'langfuse supabase custom flush',
  ]),
)('with services that hang, a program ends soon after its last statement: %s', async (what) => {
  const upstream = await startFakeOpenAI({ tokens: 'approximate' })
  const hung = await hungServer()
  const child = spawn(process.execPath, [script, upstream.baseURL, hung.at, what])
  let out = ''
  child.stdout.on('data', (data) => {
    out += data
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  hung.close()
  await upstream.close()
  expect(code).toBe(0)
  expect(Number(out.trim())).toBeLessThan(LONGEST_MS)
})
