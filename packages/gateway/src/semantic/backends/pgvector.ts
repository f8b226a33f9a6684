import type { SupabaseClient } from '@supabase/supabase-js'
import { createSupabaseClient } from '../../util/supabase-client.ts'
import type { VectorBackend, VectorBackendFactory } from './port.ts'

/** Access to the table `llm_semantic`. */
export type PgvectorOptions = {
  /** Address of the project. @default SUPABASE_URL */
  url?: string
  /** A secret key (`sb_secret_…`). @default SUPABASE_SECRET_KEY */
  secretKey?: string
}

type Answer<T> = PromiseLike<{
  data: T | null
  error: { code?: string; message?: string } | null
  status: number
}>

const TABLE = 'llm_semantic'
/** Entries of one page of a scan. */
const PAGE = 100

/**
 * Stores the semantic cache in Postgres with pgvector, through Supabase's Data API: for more entries than one
 * machine's memory holds. Needs the migration `llm_semantic` of `packages/infra/supabase/migrations`.
 *
 * @example
 * import { createPgvectorIndex } from '@hotdash/llm-gateway/pgvector'
 * createGatewayClient({ gateway: { cache: { semantic: { index: createPgvectorIndex() } } } })
 * @throws Error if the URL or the key is missing, or the key is a publishable one.
 */
export function createPgvectorIndex(options: PgvectorOptions = {}): VectorBackendFactory {
  const { url = process.env.SUPABASE_URL, secretKey = process.env.SUPABASE_SECRET_KEY } = options
  if (!url) throw new Error('createPgvectorIndex: url is missing, and so is SUPABASE_URL')
  if (!secretKey) throw new Error('createPgvectorIndex: secretKey is missing, and so is SUPABASE_SECRET_KEY')
  if (secretKey.startsWith('sb_publishable_'))
    throw new Error(
      'createPgvectorIndex: secretKey is a publishable key: the semantic cache needs a secret one',
    )
  return { type: 'backend', name: 'pgvector', open: () => backendAt(url, secretKey) }
}

function backendAt(url: string, secretKey: string): VectorBackend {
  let connecting: Promise<SupabaseClient> | undefined
  // The caller's deadline ends before a retry would help.
  const connected = () => (connecting ??= createSupabaseClient(url, secretKey, { retry: false }))

  return {
    async nearest(partition, vector, count, signal) {
      const client = await connected()
      const args = { of_partition: partition, query: textOf(vector), wanted: count }
      const rows = await dataOf<Row[]>(client.rpc('llm_semantic_nearest', args).abortSignal(signal))
      return rows.map(({ id, sealed }) => ({ id, value: bytesOf(sealed) }))
    },
    async get({ partition, id }, signal) {
      const client = await connected()
      const found = client.from(TABLE).select('id,sealed').eq('partition', partition).eq('id', id)
      const [row] = await dataOf<Row[]>(found.gt('expires_at', now()).abortSignal(signal))
      return row && bytesOf(row.sealed)
    },
    async put({ partition, id, vector, value, expires }, signal) {
      const client = await connected()
      const row = {
        partition,
        id,
        vector: textOf(vector),
        sealed: value.toString('base64'),
        expires_at: new Date(expires).toISOString(),
        written_at: now(),
      }
      const put = client.from(TABLE).upsert(row, { onConflict: 'partition,id' })
      await dataOf(put.abortSignal(signal))
      return true
    },
    scan: {
      async page(prefix, after, signal) {
        const client = await connected()
        const sorted = client
          .from(TABLE)
          .select('partition,id,sealed')
          .gte('partition', prefix)
          .lt('partition', `${prefix}\u{10ffff}`)
          .gt('expires_at', now())
          .order('partition')
          .order('id')
        const rest =
          after === undefined
            ? sorted
            : sorted.or(
                `partition.gt.${quoted(after.partition)},and(partition.eq.${quoted(after.partition)},id.gt.${quoted(after.id)})`,
              )
        const rows = await dataOf<(Row & { partition: string })[]>(rest.limit(PAGE).abortSignal(signal))
        return rows.map(({ partition, id, sealed }) => ({ partition, id, value: bytesOf(sealed) }))
      },
      async remove(places, signal) {
        const client = await connected()
        let gone = 0
        for (const { partition, id } of places) {
          const removed = client.from(TABLE).delete().eq('partition', partition).eq('id', id).select('id')
          gone += (await dataOf<unknown[]>(removed.abortSignal(signal))).length
        }
        return gone
      },
    },
  }
}

type Row = { id: string; sealed: string }

/**
 * Returns the data of an answer.
 * @throws Error that names the fix and contains no row and no key.
 */
async function dataOf<T>(answer: Answer<unknown>): Promise<T> {
  const { data, error, status } = await answer
  if (error === null) return (data ?? []) as T
  throw new Error(`${remedyOf(error.code, status)}${errorDetails(error)}`)
}

function remedyOf(code: string | undefined, status: number): string {
  if (['42P01', '42883', 'PGRST202', 'PGRST205'].includes(code ?? ''))
    return `${TABLE} is not there: run supabase/migrations of the gateway`
  if (code === '42501') return `the key may not use ${TABLE}: is it the secret key?`
  if (status === 401 || status === 403) return `the key is not accepted: check SUPABASE_SECRET_KEY; ${status}`
  return status === 0 ? 'no answer' : `HTTP ${status}`
}

/** Cut, because Postgres quotes the row in errors about its values. */
const errorDetails = ({ code, message = '' }: { code?: string; message?: string }) =>
  code === undefined || code === '' ? '' : ` (${code}: ${message.replace(/\s+/g, ' ').slice(0, 120)})`

const now = () => new Date().toISOString()
const textOf = (vector: Int8Array) => `[${vector.join(',')}]`
const bytesOf = (sealed: unknown) => Buffer.from(typeof sealed === 'string' ? sealed : '', 'base64')
const quoted = (value: string) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
