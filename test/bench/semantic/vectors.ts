import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Embedder } from '../../../packages/gateway/src/semantic/embed/embedder.ts'

const BATCH = 64

/** Vectors of texts, one after the other, kept in a folder: a model takes minutes for what a disk has at once. */
export async function vectorsOf(
  texts: readonly string[],
  embedder: Embedder,
  folder: string,
): Promise<Float32Array> {
  const name = createHash('sha256')
    .update(JSON.stringify([embedder.id, texts]))
    .digest('hex')
    .slice(0, 24)
  return await kept(join(folder, `${name}.f32`), texts.length * embedder.dimensions, async () => {
    const all = new Float32Array(texts.length * embedder.dimensions)
    for (let from = 0; from < texts.length; from += BATCH) {
      const vectors = await embedder.embed(texts.slice(from, from + BATCH))
      for (const [at, vector] of vectors.entries()) all.set(vector, (from + at) * embedder.dimensions)
      progress('embedding', from + vectors.length, texts.length)
    }
    return all
  })
}

/** What a file holds, or what it is to hold from now on. */
export async function kept(
  path: string,
  length: number,
  make: () => Promise<Float32Array>,
): Promise<Float32Array> {
  mkdirSync(join(path, '..'), { recursive: true })
  try {
    const bytes = readFileSync(path)
    if (bytes.length === length * 4) return new Float32Array(new Uint8Array(bytes).buffer)
  } catch {
    // Not there yet.
  }
  const made = await make()
  writeFileSync(path, new Uint8Array(made.buffer, made.byteOffset, made.byteLength))
  return made
}

/** On a terminal only: a log has no use for it. */
export function progress(what: string, done: number, of: number) {
  if (!process.stderr.isTTY) return
  process.stderr.write(done >= of ? '\r\x1b[K' : `\r${what} ${done} of ${of}\x1b[K`)
}

export function cosine(vectors: Float32Array, dimensions: number, one: number, other: number): number {
  let sum = 0
  const from = one * dimensions
  const to = other * dimensions
  for (let at = 0; at < dimensions; at += 1) sum += (vectors[from + at] ?? 0) * (vectors[to + at] ?? 0)
  return sum
}
