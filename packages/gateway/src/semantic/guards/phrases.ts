import type { Phrases, Word } from './guard.ts'
import { isVerbStem } from './verbs.ts'
import { isIrregular } from './words.ts'

/** A word after these is a verb, in whatever form. */
const DOERS = new Set('i you u we they he she'.split(' '))
/** A verb after these is in its base form. */
const AUXILIARIES = new Set(
  'to can could will would shall should may might must do does did not never please let us help and or how then also just who people somebody someone anyone one'.split(
    ' ',
  ),
)
/** They open a clause whose verb comes after its subject: `Does the warranty cover rust`. */
const QUESTIONS = new Set('can could will would shall should may might must do does did'.split(' '))
/** An -ing form after these is a verb: `after replacing arms`, not `the parking garage`. */
const BEFORE_GERUND = new Set(
  'before after by for of about in on at while when without start stop keep avoid am is are was were be been from than if not to and or start started begin try tried of with'.split(
    ' ',
  ),
)
const DETERMINERS = new Set(
  'a an the this that these those my your our his her its their some any no each every another which what'.split(
    ' ',
  ),
)
const RELATIVE = new Set(['that', 'which', 'who'])
/** In the third person rarely a noun. */
const THIRD_PERSON =
  /^(?:says|seems|shows|needs|takes|makes|gives|means|keeps|includes|covers|contains|gets|becomes|allows|requires)$/
/** Most words of a relative clause that are read. */
const CLAUSE_WORDS = 5

type Is = (word: Word) => boolean

/**
 * Finds noun phrases without a dictionary of nouns: words without a function word between them, of which the last is the
 * head. Verbs are recognised by position and a list.
 */
export function phrasesOf(words: readonly Word[], isContent: Is): Phrases {
  const verbs = new Set<string>()
  const pairs: [string, string][] = []
  const modifiers: { stem: string; behind: string[] }[] = []
  let run: string[] = []
  let subjectAwaited = false
  let clauseVerb = false
  const close = () => {
    for (let at = 0; at + 1 < run.length; at += 1) {
      pairs.push([run[at] ?? '', run[at + 1] ?? ''])
      modifiers.push({ stem: run[at] ?? '', behind: run.slice(at + 1) })
    }
    run = []
  }
  for (const [at, word] of words.entries()) {
    if (DOERS.has(word.text)) subjectAwaited = false
    if (QUESTIONS.has(word.text)) {
      subjectAwaited = true
      clauseVerb = false
    }
    if (!isContent(word)) {
      close()
      continue
    }
    if (isVerb(words, at, subjectAwaited && !clauseVerb && run.length > 0)) {
      verbs.add(word.stem)
      clauseVerb = true
      close()
      continue
    }
    // `the payment appeared`; before a noun it belongs to the phrase: `mounted tires`.
    const next = words[at + 1]
    if (isParticiple(words, at, run.length > 0) && !(next !== undefined && isContent(next)))
      verbs.add(word.stem)
    run.push(word.stem)
  }
  close()
  return { verbs, pairs, modifiers, relatives: relativesOf(words, isContent) }
}

/** `appeared`; `the payment showing`, but not `the parking`. */
const isParticiple = (words: readonly Word[], at: number, behindNoun: boolean): boolean => {
  const { text = '' } = words[at] ?? {}
  if (text.length < 5) return false
  return (
    text.endsWith('ed') ||
    (text.endsWith('ing') && (behindNoun || BEFORE_GERUND.has(words[at - 1]?.text ?? '')))
  )
}

function isVerb(words: readonly Word[], at: number, behindSubject: boolean): boolean {
  const { text, stem } = words[at] as Word
  const before = words[at - 1]?.text ?? ''
  if (DETERMINERS.has(before)) return false
  if (text.length > 5 && text.endsWith('ing'))
    return at === 0 ? isVerbStem(stem) : BEFORE_GERUND.has(before) && isVerbStem(stem)
  if (DOERS.has(before)) return true
  if (THIRD_PERSON.test(text) && at > 0) return true
  if (
    isIrregular(text) &&
    at > 0 &&
    !/^(?:used|lost|stolen|broken|frozen|thing|wrong|during|need|children|people|men|women|mice|feet|cancellation|shipping)$/.test(
      text,
    )
  )
    return true
  if (!isVerbStem(stem)) return false
  // A participle before a noun: `mounted tires`; after `have`, a verb: `I have cancelled it`.
  if (text.endsWith('ed')) return /^(?:have|has|had|been|be|is|are|was|were)$/.test(before)
  // A base form: `do orders ship` has no verb `orders`.
  if (/[^s]s$/.test(text)) return before === 'who'
  return at === 0 || AUXILIARIES.has(before) || before === 'what' || behindSubject
}

/** Returns relative clauses: `a battery that was opened`. */
function relativesOf(words: readonly Word[], isContent: Is) {
  const found: { of: string; words: string[] }[] = []
  for (const [at, { text }] of words.entries()) {
    const of = words[at - 1]
    if (!RELATIVE.has(text) || of === undefined || !isContent(of)) continue
    // `the item that I bought` says what is clear without it.
    if (DOERS.has(words[at + 1]?.text ?? '')) continue
    const stems: string[] = []
    for (const word of words.slice(at + 1, at + 1 + CLAUSE_WORDS)) if (isContent(word)) stems.push(word.stem)
    if (stems.length > 0) found.push({ of: of.stem, words: stems })
  }
  return found
}
