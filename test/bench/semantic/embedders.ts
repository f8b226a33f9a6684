import type { Embedder } from '#src/semantic/embedding/embedder.ts'
import { createLocalEmbedder } from '#src/semantic/embedding/local.ts'
import { createOnnxEmbedder, MINILM } from '#src/semantic/embedding/onnx/embedder.ts'

type Closable = Embedder & { close: () => Promise<void> }

/** The embedders that run without a key. MiniLM's packages and weights are no part of this repository. */
export function embedderOf(
  model: string,
  { folder, packages }: { folder?: string | undefined; packages?: string | undefined },
): Closable {
  if (model === 'local') return { ...createLocalEmbedder(), close: async () => undefined }
  if (model !== 'minilm') throw new Error('--model: `local` or `minilm`')
  const embedder = createOnnxEmbedder({
    model: MINILM,
    ...(folder !== undefined && { folder }),
    ...(packages !== undefined && { packagesFrom: packages }),
  })
  return { ...embedder, embed: (texts) => withoutRefused(embedder, texts) }
}

/** A text that the model refuses is a miss in the gateway. Here its vector is zero, which is near to no other. */
async function withoutRefused(embedder: Embedder, texts: readonly string[]): Promise<Float32Array[]> {
  try {
    return await embedder.embed(texts)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    if (texts.length === 1) return [new Float32Array(embedder.dimensions)]
    const halves = [texts.slice(0, texts.length >> 1), texts.slice(texts.length >> 1)]
    const found = await Promise.all(halves.map((half) => withoutRefused(embedder, half)))
    return found.flat()
  }
}
