import { spawn } from 'node:child_process'
import { createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { startFakeOpenAI } from '@hotdash/llm-gateway-testing'
import { expect, test } from 'vitest'
import { sampled } from './runs.ts'

const script = fileURLToPath(new URL('./fixtures/hung-redis.mjs', import.meta.url))

/** Takes connections, and never says a word, or ends them at once. */
async function unusableServer(ends: boolean) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    if (ends) socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `redis://127.0.0.1:${port}`,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

const programs = [
  'flush',
  'close',
  'ready',
  'purge',
  'list',
  'call',
  'call flush',
  'call close',
  'call flush close',
  'stream close',
  'call waitUntil',
  'call sink flush',
  'call sink close',
]

const states = ['hangs', 'refuses connections', 'ends connections'] as const
/** What differs where nothing hangs: a program that closes nothing, and one that closes all. */
const endings = ['call', 'stream', 'ready', 'call flush', 'call close']

test.each(
  sampled(
    states.flatMap((state) => (state === 'hangs' ? programs : endings).map((what) => [what, state] as const)),
  ),
)('a program that awaits "%s" and nothing else while Redis %s ends with 0', async (what, state) => {
  const upstream = await startFakeOpenAI({ tokens: 'approximate' })
  const redis = await unusableServer(state === 'ends connections')
  if (state === 'refuses connections') redis.close()
  const program = [script, upstream.baseURL, redis.url, what]
  const child = spawn(process.execPath, program, { timeout: 20_000, killSignal: 'SIGKILL' })
  let out = ''
  child.stdout.on('data', (data) => {
    out += data
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect([code, out]).toEqual([0, 'end\n'])
  redis.close()
  await upstream.close()
})
