const WORDS = 512

/** Texts that share words are alike: enough to tell what the gateway does with vectors. */
export const embedder = {
  id: 'words',
  dimensions: WORDS,
  embed: async (texts: readonly string[]) => texts.map(vectorOf),
}

/** For vectors of words, as for any that were measured. */
const calibration = {
  minSimilarity: 0.99,
  minConfidence: 0.55,
  minConsensusSimilarity: 0.6,
  bandwidth: 0.1,
  priorSimilarity: 0.5,
}
export const calibrated = { ...embedder, calibration }

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(WORDS)
  for (const word of text.toLowerCase().match(/[a-z]+/g) ?? []) {
    let hash = 7
    for (const letter of word) hash = (hash * 31 + letter.charCodeAt(0)) % WORDS
    vector[hash] = (vector[hash] ?? 0) + 1
  }
  const length = Math.hypot(...vector)
  return vector.map((value) => value / (length || 1))
}
