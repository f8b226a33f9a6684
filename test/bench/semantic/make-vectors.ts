import { writeFileSync } from 'node:fs'
import { createLocalEmbedder } from '#src/semantic/embedding/local.ts'
import { RECORDED, recordedTexts, SCALE, stamp } from './recorded.ts'

/** Records the local embedder's vectors of our own texts: node test/bench/semantic/make-vectors.ts */
const texts = recordedTexts()
const vectors = await createLocalEmbedder().embed(texts)
const rows = vectors.map((vector) =>
  Buffer.from(
    Int8Array.from(vector, (value) => Math.max(-127, Math.min(127, Math.round(value * SCALE)))).buffer,
  ),
)
const bytes = Buffer.concat([stamp(texts), ...rows])
writeFileSync(RECORDED, bytes)
console.log(`${texts.length} texts, ${bytes.length} bytes`)
