import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Embedder } from '#src/semantic/embedding/embedder.ts'

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
  const mine = vectors.subarray(one * dimensions, (one + 1) * dimensions)
  const theirs = vectors.subarray(other * dimensions, (other + 1) * dimensions)
  // Four sums at a time: one waits for itself.
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let at = 0; at < dimensions; at += 4) {
    a += (mine[at] as number) * (theirs[at] as number)
    b += (mine[at + 1] as number) * (theirs[at + 1] as number)
    c += (mine[at + 2] as number) * (theirs[at + 2] as number)
    d += (mine[at + 3] as number) * (theirs[at + 3] as number)
  }
  return a + b + c + d
}
