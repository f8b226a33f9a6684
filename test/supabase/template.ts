import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
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

/**
 * Returns the data directory of an empty Postgres, for `loadDataDir`: to make one takes several seconds of a processor,
 * to load one a tenth of that. It is kept in the temporary directory for the next server and the next run.
 */
export async function emptyPostgres(): Promise<Blob> {
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  const kept = join(tmpdir(), `llm-gateway-pglite-${version}.tar`)
  if (!existsSync(kept)) {
    const db = await PGlite.create()
    const directory = await db.dumpDataDir('none')
    await db.close()
    const own = `${kept}.${process.pid}`
    writeFileSync(own, Buffer.from(await directory.arrayBuffer()))
    // At once, for processes that look at the same time.
    renameSync(own, kept)
  }
  return new Blob([readFileSync(kept)])
}
