/** Characters of one answer that the judge sees: some 100 tokens. */
const EXCERPT_CHARS = 400
const CUT = '...'
const SENTENCE = /[^.!?\n]*[.!?\n]+\s*/y

/**
 * Cuts answers to what tells them apart: without the sentences with which all of them begin, up to a number of characters. A
 * cut is marked by `...`. One answer, or equal ones, are cut at the end only.
 */
export function excerpts(answers: readonly string[]): string[] {
  const common = commonStart(answers)
  return answers.map((answer) => {
    const rest = answer.slice(common)
    const head = common > 0 ? `${CUT} ` : ''
    return rest.length > EXCERPT_CHARS ? `${head}${rest.slice(0, EXCERPT_CHARS)}${CUT}` : head + rest
  })
}

/** Returns the length of the sentences with which all answers begin. */
function commonStart([first = '', ...others]: readonly string[]): number {
  if (others.length === 0 || others.every((other) => other === first)) return 0
  let end = 0
  for (;;) {
    SENTENCE.lastIndex = end
    const sentence = SENTENCE.exec(first)?.[0]
    if (sentence === undefined || !others.every((other) => other.startsWith(sentence, end))) return end
    end += sentence.length
  }
}
