import type { Guard } from './guard.ts'

/** Links and domains, also spelt out. Left out is a sentence that begins without a space (`arrived.What`). */
const LINK =
  /\b(?:https?:\/\/|www\.)\S{1,200}|(?<![@\p{L}\p{N}.-])[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){0,4}\.(?!(?:what|how|i|is|it|can|the|my|why|when|where|do|does|did|please|also|thanks|thank|and|but|if|this|that|we|you|there|so|not|now|will|would)\b)\p{L}{2,24}(?![\p{L}\p{N}.])|\b\w{1,63} dot (?:com|net|org|io|co|info|example|app|dev)\b/giu
/** Abbreviations with marks, which are no domains. */
const NO_LINK = /^(?:e\.g|i\.e|a\.m|p\.m|u\.s|u\.k|e\.u|p\.s|etc|vs|no|approx)(?:\.[a-z])?\.?$/i
/** Instructions to a reader or a model, which no question contains by chance. */
const INSTRUCTION =
  /\b(?:ignore|disregard|forget|override|bypass) (?:all|any|every|everything|previous|prior|the (?:rules|above|previous|instructions?)|above|your|these|this|that|instructions?|rules?)\b|\bfrom now on\b|\b(?:system|assistant|developer|user) ?:|\b(?:system prompt|jailbreak)\b|\b(?:always|only|just|must|now|then|and|to|please) (?:say|answer|reply|respond)\b|\b(?:answer|reply|respond|say) (?:that|with|yes|no|only|it is)\b|\byou are now\b|\bpretend\b|\bact as\b|\brepeat after\b|\btell (?:them|him|her|everyone|everybody|users?|customers?|people)\b|(?:^|[.!?:;,\n] ?|\b(?:and|please|then|just) )(?:visit|click|dial|say|go to) |\b(?:call|text|dial|whatsapp|message) (?:this|the number|us at|me at|now|number|\+?\d)/g

/** Returns links and instructions of a text, sorted, as a cleaned text has them. */
export function foreignOf(cleaned: string): string {
  const plain = cleaned.toLowerCase()
  const found = [
    ...(plain.match(LINK) ?? []).filter((link) => !NO_LINK.test(link) && !/^[\d.]+\p{L}{0,3}$/u.test(link)),
    ...(plain.match(INSTRUCTION) ?? []).map((words) => words.trim()),
  ]
  return found.sort().join(' ')
}

/**
 * Vetoes texts of which one has a link or an instruction that the other lacks: its answer may repeat
 * what a stranger put into the question.
 */
export const foreign: Guard = (asked, cached) => (asked.foreign === cached.foreign ? undefined : 'foreign')
