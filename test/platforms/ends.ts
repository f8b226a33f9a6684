import { deepEqual } from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { type Case, GATEWAY, type Platform } from './platform.ts'

/** A server in place of Redis, which ends each connection or never answers. */
async function serverThat(does: 'ends' | 'is silent') {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    if (does === 'ends') socket.destroy()
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

const refused = async () => ({ url: 'redis://127.0.0.1:1', close: () => undefined })

const SERVERS = {
  'refuses connections': refused,
  'ends connections': () => serverThat('ends'),
  'is silent': () => serverThat('is silent'),
}
const PROGRAMS = ['close', 'call close', 'stream flush close']

const endsWith0 = ([words, start]: [string, (typeof SERVERS)[keyof typeof SERVERS]]): Case => ({
  name: `a script that awaits close() while Redis ${words}`,
  async run({ run }, { baseURL }) {
    const server = await start()
    const scripts = PROGRAMS.flatMap((steps) => [
      ['ends.mjs', steps],
      ['ends.cjs', steps],
    ])
    const ended = await Promise.all(
      scripts.map(async ([file = '', steps = '']) => {
        const { code, out } = await run('node', [file, baseURL, server.url, steps])
        return [file, steps, code, out]
      }),
    )
    server.close()
    const asExpected = scripts.map((script) => [...script, 0, 'end\n'])
    deepEqual(ended, asExpected)
    return undefined
  },
})

export const ends: Platform = {
  name: 'ends',
  versions: `Node ${process.versions.node}`,
  isQuick: true,
  packages: GATEWAY,
  fixtures: ['ends.cjs', 'ends.mjs'],
  cases: Object.entries(SERVERS).map(endsWith0),
}
