import type { LabelNote } from './decision/threshold/shared.ts'
import { type CalibrationScope, calibrationScopeOf, signerOf } from './query/partition.ts'
import { refFrom } from './store/admin.ts'
import type { SemanticEntry, SemanticStore } from './store/port.ts'

/** What a person says of an answer that the semantic cache has served. */
export type AnswerVerdict = {
  /** Whether the answer was right for the question that was asked. */
  right: boolean
  /** The question that was asked, if it is not the entry's own. Its answer is then never served for it again. */
  asked?: string
  /** `semantic.similarity` of the call's record. Absent: the thresholds of the agent learn nothing. */
  similarity?: number
  /** `semantic.path` and `semantic.confidence` of the record. @default 'nearest' */
  path?: 'nearest' | 'consensus'
  confidence?: number
}

/** What came of a label. */
export type LabelResult = {
  /** Whether the thresholds of its agent have learned from it. */
  learned: boolean
  /** Whether the answer is now refused for the question that was asked. */
  refuted: boolean
  /** Number of answers removed: the entry, and its copy in the exact cache. */
  removed: number
}

type LabelParts = {
  store: SemanticStore
  /** Learns a label for all processes. */
  note: (scope: CalibrationScope, note: LabelNote) => Promise<void>
  /** Signs entries and labels. `undefined`: none can be read. */
  secret: string | undefined
  /** Id of the embedder: labels of another one do not count. */
  embedder: string
}

/**
 * Learns what a person says of an entry, and leaves the entry in place. Returns `undefined` if it is absent or not readable.
 */
export async function learnVerdict(
  { store, note, secret, embedder }: LabelParts,
  key: string,
  verdict: AnswerVerdict,
): Promise<Omit<LabelResult, 'removed'> | undefined> {
  const entry = await store.admin.inspect(key)
  const ref = refFrom(key)
  if (entry === undefined || ref === undefined || secret === undefined) return undefined
  const { right, asked, similarity } = verdict
  const isOther = asked !== undefined && asked.trim() !== '' && asked !== entry.question
  if (!right && isOther) {
    const partition = { name: ref.partition, secret: signerOf(secret)(ref.partition) }
    await store.refute(partition, asked, [{ id: key, question: entry.question }])
  }
  if (similarity !== undefined)
    await note(calibrationScopeOf({ caller: entry }, embedder, secret), noteOf(entry, similarity, verdict))
  return { learned: similarity !== undefined, refuted: !right && isOther }
}

function noteOf(
  { key }: SemanticEntry,
  similarity: number,
  { right, path = 'nearest', confidence }: AnswerVerdict,
): LabelNote {
  const isAgreed = path === 'consensus' && confidence !== undefined
  return { entry: key, similarity, right, nearest: !isAgreed, confidence: isAgreed ? confidence : undefined }
}
