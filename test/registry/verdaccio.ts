import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'

const require = createRequire(import.meta.url)
const manifest = require.resolve('verdaccio/package.json')

export const verdaccioVersion = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version

/** A private registry on loopback. */
export type PrivateRegistry = {
  /** Its address, with a slash at the end. */
  url: string
  /** Token of its one user. */
  token: string
  close: () => Promise<void>
}

/** Longest time until it answers, in milliseconds. */
const START_MS = 60_000
/** More than one try: another program may take the port in between. */
const TRIES = 3

/**
 * Starts Verdaccio with an empty storage. Packages of @hotdash are for its user alone; all others come from the registry
 * that npm is configured with.
 *
 * @param folder empty folder for its files
 */
export async function startVerdaccio(folder: string): Promise<PrivateRegistry> {
  for (let attempt = 1; ; attempt += 1) {
    const url = `http://127.0.0.1:${await freePort()}/`
    const server = launch(folder, url)
    try {
      await answers(server, url)
      return { url, token: await newToken(url), close: () => stop(server) }
    } catch (error) {
      await stop(server)
      if (attempt === TRIES) throw error
    }
  }
}

function launch(folder: string, url: string): ChildProcess {
  const file = join(folder, 'config.yaml')
  writeFileSync(file, stringify(configuration(folder)))
  const bin = join(dirname(manifest), 'bin/verdaccio')
  return spawn(process.execPath, [bin, '--config', file, '--listen', url], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

const configuration = (folder: string) => ({
  storage: join(folder, 'storage'),
  auth: { htpasswd: { file: join(folder, 'htpasswd'), algorithm: 'bcrypt', rounds: 4 } },
  uplinks: { configured: { url: configuredRegistry(), timeout: '60s', maxage: '1h', cache: true } },
  packages: {
    '@hotdash/*': { access: '$authenticated', publish: '$authenticated' },
    '**': { access: '$all', proxy: 'configured' },
  },
  security: { api: { jwt: { sign: { expiresIn: '1d' } } } },
  web: { enable: false },
  log: { type: 'stdout', format: 'pretty', level: 'warn' },
  max_body_size: '20mb',
})

const configuredRegistry = () =>
  execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim()

async function answers(server: ChildProcess, url: string): Promise<void> {
  let said = ''
  for (const stream of [server.stdout, server.stderr])
    stream?.on('data', (chunk) => {
      said = `${said}${chunk}`.slice(-4_000)
    })
  const until = Date.now() + START_MS
  while (server.exitCode === null && Date.now() < until) {
    const response = await fetch(`${url}-/ping`).catch(() => undefined)
    if (response?.ok) return
    await sleep(100)
  }
  throw new Error(`Verdaccio does not answer: ${said}`)
}

async function newToken(url: string): Promise<string> {
  const user = { name: 'release', password: 'a password of the test' }
  const response = await fetch(`${url}-/user/org.couchdb.user:${user.name}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(user),
  })
  const { token } = (await response.json()) as { token?: string }
  if (token === undefined) throw new Error(`Verdaccio gave no token: ${response.status}`)
  return token
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return
  await new Promise((resolve) => {
    server.once('exit', resolve)
    server.kill()
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
