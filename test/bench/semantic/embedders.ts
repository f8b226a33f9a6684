import { createLocalEmbedder } from '#src/semantic/embedding/local.ts'
import { createOnnxEmbedder, MINILM } from '#src/semantic/embedding/onnx/embedder.ts'

/** The embedders that run without a key. MiniLM's packages and weights are no part of this repository. */
export function embedderOf(
  model: string,
  { folder, packages, weights }: { folder?: string; packages?: string; weights?: string },
) {
  if (model === 'local') return { ...createLocalEmbedder(), close: async () => undefined }
  if (model !== 'minilm') throw new Error('--model: `local` or `minilm`')
  return createOnnxEmbedder({
    model: MINILM,
    ...(folder !== undefined && { folder }),
    ...(packages !== undefined && { packagesFrom: packages }),
    ...(weights !== undefined && { weights }),
  })
}
