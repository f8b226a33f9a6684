import { existsSync, openAsBlob, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'

/** Next to the module's entry, which is the only path that the package exports. */
const manifest = join(
  dirname(createRequire(import.meta.url).resolve('@electric-sql/pglite')),
  '..',
  'package.json',
)

const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }

/** Returns the data directory of an empty Postgres, for `loadDataDir`: to make one takes several seconds of a processor. */
export const emptyPostgres = (): Promise<Blob> =>
  keptPostgres('empty', async () => {
    const db = await PGlite.create()
    return { db, close: () => db.close() }
  })

/**
 * Returns the data directory of the Postgres that `make` makes. It is kept in the temporary directory for the next server
 * and the next run: to load one takes a tenth of the processor time.
 *
 * @param name of all that it depends on, beside the version of pglite
 */
export async function keptPostgres(
  name: string,
  make: () => Promise<{ db: PGlite; close: () => Promise<unknown> }>,
): Promise<Blob> {
  const kept = join(tmpdir(), `llm-gateway-pglite-${version}-${name}.tar`)
  if (!existsSync(kept)) {
    const { db, close } = await make()
    await db.exec('checkpoint')
    const directory = await db.dumpDataDir('none')
    await close()
    const own = `${kept}.${process.pid}`
    writeFileSync(own, Buffer.from(await directory.arrayBuffer()))
    // At once, for processes that look at the same time.
    renameSync(own, kept)
  }
  return await openAsBlob(kept)
}
