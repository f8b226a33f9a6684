import { fork } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createClient, type SupabaseClient } from '@supabase/supabase-js'

/**
 * `lose`: what is asked is done, and the connection breaks before the answer. `withhold`: done, and no answer comes.
 * `busy`: done, 6 ms later for each row of it.
 */
export type Fault = 'none' | 'refuse' | 'hang' | 'error' | 'lose' | 'withhold' | 'busy'
export type Keys = { secret: string; publishable: string; signing: string }
export type Order = { id: number } & (
  | { type: 'fault'; fault: Fault }
  | { type: 'sql'; sql: string }
  | { type: 'migrate' }
  | { type: 'requests' }
)
export type Told = { id: number; rows?: Record<string, unknown>[]; error?: string }

export type Supabase = {
  url: string
  keys: Keys
  /** The real client under the secret key, the publishable one, or with a token that claims a role. */
  as: (role: 'secret' | 'anon' | 'authenticated' | 'llm_dashboard') => SupabaseClient
  /** As the owner of the database; the rows of the last statement. */
  sql: (sql: string) => Promise<Record<string, unknown>[]>
  /** Runs the migrations of packages/infra once more, in order. */
  migrate: () => Promise<void>
  become: (fault: Fault) => Promise<void>
  /** Returns the number of requests since the start. */
  requests: () => Promise<number>
  close: () => Promise<void>
}

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never

/**
 * A Postgres with the Data API of Supabase before it, migrated. `grants`: what new tables grant by default, everything
 * in older projects, nothing in new ones.
 */
export async function startSupabase(grants: 'everything' | 'nothing' = 'nothing'): Promise<Supabase> {
  const keys: Keys = {
    secret: `sb_secret_${randomBytes(16).toString('hex')}`,
    publishable: `sb_publishable_${randomBytes(16).toString('hex')}`,
    signing: randomBytes(32).toString('hex'),
  }
  const child = fork(fileURLToPath(new URL('lite.ts', import.meta.url)), [JSON.stringify({ keys, grants })], {
    // Postgres in WebAssembly: V8's optimising compiler takes more CPU time than it saves in so short a life.
    execArgv: ['--liftoff-only'],
    // It prints every error of Postgres, those that tests ask for as well.
    stdio: ['ignore', 'inherit', process.env.TEST_SUPABASE_LOG ? 'inherit' : 'ignore', 'ipc'],
  })
  const waiting = new Map<number, (told: Told) => void>()
  let last = 0
  const ready = new Promise<Told>((resolve) => waiting.set(0, resolve))
  child.on('message', (told: Told) => waiting.get(told.id)?.(told))
  child.on('exit', (code) => {
    for (const [id, resolve] of waiting) resolve({ id, error: `Supabase has ended: ${code}` })
  })

  async function tell(order: Unnumbered<Order>): Promise<Record<string, unknown>[]> {
    last += 1
    const id = last
    const told = await new Promise<Told>((resolve) => {
      waiting.set(id, resolve)
      child.send({ ...order, id }, () => undefined)
    })
    if (told.error !== undefined) throw new Error(told.error)
    return told.rows ?? []
  }

  const { rows, error } = await ready
  if (error !== undefined) throw new Error(error)
  const url = `http://127.0.0.1:${rows?.[0]?.port}`
  const auth = { persistSession: false, autoRefreshToken: false }
  return {
    url,
    keys,
    as(role) {
      if (role === 'secret') return createClient(url, keys.secret, { auth })
      if (role === 'anon') return createClient(url, keys.publishable, { auth })
      const headers = { authorization: `Bearer ${tokenFor(role, keys.signing)}` }
      return createClient(url, keys.publishable, { auth, global: { headers } })
    },
    sql: (sql) => tell({ type: 'sql', sql }),
    migrate: async () => void (await tell({ type: 'migrate' })),
    become: async (fault) => void (await tell({ type: 'fault', fault })),
    requests: async () => Number((await tell({ type: 'requests' }))[0]?.requests),
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    },
  }
}

/** As a project's signing key would make it. */
function tokenFor(role: string, signing: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    role,
    exp: Math.floor(Date.now() / 1_000) + 3_600,
  }
  const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${body}.${createHmac('sha256', signing).update(body).digest('base64url')}`
}
