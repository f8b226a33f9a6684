// What agents in Python meet: the official client against `llm-gateway serve`, a fake OpenAI behind it. Run it with
// `npm run test:python`. Skips, and says so in one line, where there is no Python or no package index.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FakeOpenAI, Fault } from '@hotdash/llm-gateway-testing'
import { createCleanup, fake, KEYS, serve, UPSTREAM_KEY } from '../kit.ts'

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const cleanup = createCleanup()

/** Creates a temporary environment with the pinned client; `missing`: why that failed. */
function environment(): { python: string } | { missing: string } {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-python-'))
  cleanup.after(() => rmSync(folder, { recursive: true }))
  const made = spawnSync('python3', ['-m', 'venv', folder], { encoding: 'utf8' })
  if (made.status !== 0) return { missing: `no python3 with venv (${lastLine(made.stderr) || made.error})` }
  const python = join(folder, 'bin', 'python')
  const args = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--retries',
    '1',
    '--disable-pip-version-check',
    '--only-binary',
    ':all:',
  ]
  const installed = spawnSync(python, [...args, '-r', here('requirements.txt')], { encoding: 'utf8' })
  return installed.status === 0
    ? { python }
    : { missing: `pip could not install it (${lastLine(installed.stderr)})` }
}

const lastLine = (text: string | null) => text?.trim().split('\n').at(-1) ?? ''

/** Lets the other side say what goes wrong upstream, and ask what reached it. */
async function remote(upstream: FakeOpenAI): Promise<string> {
  const server = createServer(async (req, res) => {
    let text = ''
    for await (const piece of req) text += piece
    if (req.url === '/fail') {
      const { fault, times } = JSON.parse(text) as { fault: Fault; times: number }
      upstream.fail(fault, { times })
    } else if (req.url === '/reset') upstream.reset()
    const seen = upstream.requests.map(({ body, aborted, headers }) => ({ body, aborted, headers }))
    res.end(JSON.stringify(seen))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanup.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function main(): Promise<number> {
  const found = environment()
  if ('missing' in found) {
    console.log(`skipped: the Python client was not tested: ${found.missing}`)
    return 0
  }
  const upstream = await fake(cleanup)
  const server = await serve(cleanup, { upstream: upstream.baseURL })
  const child = spawn(found.python, [here('agent.py')], {
    stdio: 'inherit',
    env: {
      PATH: process.env.PATH,
      PYTHONDONTWRITEBYTECODE: '1',
      UPSTREAM_URL: upstream.baseURL,
      UPSTREAM_KEY,
      GATEWAY_URL: server.baseURL,
      CONTROL_URL: await remote(upstream),
      ...Object.fromEntries(Object.entries(KEYS).map(([team, key]) => [`KEY_${team.toUpperCase()}`, key])),
    },
  })
  const code = await new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)))
  const leaked = [UPSTREAM_KEY, ...Object.values(KEYS)].some((key) =>
    (server.out() + server.err()).includes(key),
  )
  if (leaked) console.log('not ok - a key is in the log')
  if (server.child.exitCode !== null) console.log(`not ok - the server has ended: ${server.err()}`)
  return leaked || server.child.exitCode !== null ? 1 : code
}

process.exitCode = await main().finally(() => cleanup.run())
