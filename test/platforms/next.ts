import { deepEqual, match } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from './lab.ts'
import { agentEnv, expectAgent, GATEWAY, type Platform, type World } from './platform.ts'

/** Starts the built application, asks for both routes, and stops it. */
async function answers({ folder }: Lab, world: World): Promise<{ ask: string; edge: string }> {
  const port = String(await freePort())
  const server = spawn(
    process.execPath,
    [join(folder, 'node_modules/next/dist/bin/next'), 'start', '-p', port],
    {
      cwd: folder,
      env: { ...process.env, ...agentEnv(world), NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' },
      stdio: 'ignore',
      // Next starts a process of its own, which ends with the group.
      detached: true,
    },
  )
  try {
    const textOf = async (path: string) => await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
    while (!(await textOf('/').catch(() => ''))) {
      if (server.exitCode !== null) throw new Error(`next start ended with ${server.exitCode}`)
      await sleep(100)
    }
    return { ask: await textOf('/api/ask'), edge: await textOf('/api/edge') }
  } finally {
    process.kill(-(server.pid ?? 0))
  }
}

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })

export const next: Platform = {
  name: 'next',
  versions: 'Next.js 16.4.6 (Turbopack), React 19.3.1',
  isQuick: true,
  packages: { ...GATEWAY, next: '16.4.6', react: '19.3.1', 'react-dom': '19.3.1' },
  fixtures: ['next/app', 'exercise.cjs'],
  cases: [
    {
      name: 'build and a route with its defaults; an edge route is refused by name',
      async run(lab, world) {
        const { code, out, err } = await lab.run('next', ['build'])
        if (code !== 0) throw new Error(`exit code ${code}: ${out.slice(-2_000)}${err.slice(-2_000)}`)
        deepEqual(`${out}${err}`.match(/warning|Module not found/gi), null)
        const { ask, edge } = await answers(lab, world)
        expectAgent({ code: 0, out: ask, err: ask })
        match(edge, /^gateway_unsupported_runtime .*needs Node's modules.*#gateway_unsupported_runtime$/)
        return undefined
      },
    },
  ],
}
