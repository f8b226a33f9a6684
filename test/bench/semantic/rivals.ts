import { overlapOf } from '#src/semantic/decision/consensus.ts'
import { exploration, type Observation } from '#src/semantic/decision/threshold/vcache.ts'
import { randomOf } from '../../random.ts'
import { count, nothing, type Outcome } from './play.ts'
import { nearestIn, type Stream } from './stream.ts'

/**
 * vCache by its paper's formulae (arXiv 2502.03771): each entry learns its own threshold from its own labels. `delta` is
 * its bound on wrong answers among all questions, not among hits. A question that is not served gets a judgement of
 * the nearest entry's answer, and is stored only if that answer would have been wrong.
 */
export function playVCache(stream: Stream, delta: number, seed = 7): Outcome {
  const { intents, eligible } = stream
  const outcome = nothing(stream)
  const random = randomOf(seed)
  const labels: Observation[][] = []
  for (const [at, intent] of intents.entries()) {
    if (!eligible[at]) continue
    const [nearest] = nearestIn(stream, at, (other) => labels[other] !== undefined)
    const own = nearest && labels[nearest.at]
    if (nearest === undefined || own === undefined) {
      labels[at] = []
      continue
    }
    const right = intent === intents[nearest.at]
    if (random() > exploration(own, nearest.similarity, delta)) {
      count(outcome, at, right)
      continue
    }
    outcome.judgements += 1
    outcome.judged += 1
    own.push({ similarity: nearest.similarity, right })
    if (!right) labels[at] = []
  }
  return outcome
}

/** Serves the stored question that shares most content words, from a Jaccard index on: a rule without a model. */
export function playLexical({ questions, ...stream }: Stream, bar: number): Outcome {
  const { intents, eligible } = stream
  const outcome = nothing({ questions, ...stream })
  const stored = new Map<number, number[]>()
  for (const [at, asked] of questions.entries()) {
    if (!eligible[at]) continue
    let best = { at: -1, overlap: 0 }
    const near = new Set([...asked.wordHashes].flatMap((word) => stored.get(word) ?? []))
    for (const other of near) {
      const question = questions[other]
      const overlap = question ? overlapOf(asked, question) : 0
      if (overlap > best.overlap) best = { at: other, overlap }
    }
    if (best.overlap >= bar) {
      count(outcome, at, intents[at] === intents[best.at])
      continue
    }
    for (const word of new Set(asked.wordHashes)) {
      const places = stored.get(word)
      if (places === undefined) stored.set(word, [at])
      else places.push(at)
    }
  }
  return outcome
}
