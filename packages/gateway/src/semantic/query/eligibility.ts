import { maskPersonal, maskSecrets } from '../../util/redact.ts'
import { isPersonalQuestion } from './personal-question.ts'
import { plainText } from './plain-text.ts'

/**
 * Questions whose answer is for one person or one moment, or that request an action. English; in other languages only
 * numbers, dates and personal data are recognised.
 */
const RULES: [reason: string, is: (question: string) => boolean][] = [
  ['personal', (question) => maskPersonal(maskSecrets(question)) !== question],
  ['identifier', (question) => IDENTIFIER.test(withoutFitment(question))],
  ['time-bound', (question) => TIME.test(question)],
  ['action', (question) => ACTION.test(question)],
  ['time-bound', (question) => STOCK.test(question)],
  ['personal', isPersonalQuestion],
]

/** Order numbers, references and versions: letters with digits, or at least four digits. */
const IDENTIFIER =
  /#\s?\w+|\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\b(?<!\b\d+(?:st|nd|rd|th|h|min|kg|g|cm|mm|km|ml|gb|mb|k|m|x|d)\b)|\d{4,}/i

/** `order A-123`, `tracking number: 123`, `#12`: one person's, whatever else the question says. */
const OWN_NUMBER =
  /\b(?:orders?|tracking|invoices?|tickets?|shipments?|parcels?|packages?|references?|ref|confirmation|claims?|cases?|rma|accounts?|customers?|transactions?|receipts?|quotes?|vin)\b(?:[\s:.#-]+(?:number|no|nr|num|id|code|is|was|my|the)\b){0,3}[\s:.#-]{0,3}(?=[\w-]*\d)[\w-]{2,}|(?<!\b(?:part|sku|oem)s?(?: (?:number|no\.?))? ?)#\s?\w/i
const FITS =
  /\b(?:parts?|sku|fit(?:s|ment)?|compatible|replac(?:e[sd]?|ement)|supersede[sd]?|interchange(?:able)?|oem)\b/i
/** Up to eleven letters and digits: tracking numbers have more. */
const PART_NUMBER = /#?\s?(?<![\w-])(?=[\w-]*\d)(?:-?\w){3,11}(?![\w-])/g
/** A model year or a range before a word like `Civic`, and a number of the model: `2018 Silverado 1500`, `'15 F-150`. */
const MODEL_YEAR =
  /(?:\b(?:my ?|model year )?(?:19[5-9]\d|20[0-2]\d|203[0-5])|(?<!\w)(?:'|my)\d\d)(?: ?(?:-|–|to) ?(?:\d{4}|\d\d))?(?: (?!(?:i|we|you|and|or|to|for|in|of|is|was|the|my|orders?)\b)(?:[a-z]{3,}(?: [a-z]{0,3}-?\d{2,4}\b)?|[a-z]{1,2}-?\d{2,3}\b)|(?=\??$))/gi

/** Removes model years and part numbers, which guards hold apart. */
const withoutFitment = (question: string): string => {
  if (OWN_NUMBER.test(question)) return question
  const rest = question.replace(MODEL_YEAR, '')
  return FITS.test(question) ? rest.replace(PART_NUMBER, '') : rest
}

const TIME =
  /\b(today|tonight|tomorrow|yesterday|now|currently|at the moment|latest|newest|recently|so far|as of|ago|(this|next|last|past|coming) (hour|day|week|weekend|month|quarter|year|morning|afternoon|evening|night|mon|tues|wednes|thurs|fri|satur|sun)\w*)\b|\d{1,2}[:.]\d{2}\b|\b\d{1,2}\/\d{1,2}\b/i

/** A request for an action, polite or not. Questions about how to do it are eligible. */
const ACTION =
  /^(?:(?:please|pls|kindly|hey|hi|hello|ok|okay|just|go ahead and|i(?: woul|')?d? ?(?:want|need|like) you to|(?:can|could|would|will) you(?: please)?)[\s,]+)*(?:cancel|refund|reimburse|transfer|send|move|delete|remove|erase|book|reserve|order|buy|purchase|pay|charge|change|update|edit|set|switch|upgrade|downgrade|subscribe|unsubscribe|reset|activate|deactivate|block|unblock|freeze|unfreeze|close|open|create|add|schedule|reschedule|approve|reject|accept|decline|e-?mail|call|text|notify|remind|submit|confirm|issue|ship|resend|forward|waive|increase|decrease|lower|raise|enable|disable|turn)\b/i

/** What is in stock, or costs how much, at this moment; and whether something has happened by now. */
const STOCK =
  /\b(?:in stock|out of stock|sold out|back in stock|on sale|on hand)\b|\b(?:any|how many|how much) (?:[\w-]+ ){0,4}(?:left|available|remaining)\b|\b(?:is|are) (?:[\w-]+ ){1,6}available\b|\bstill (?:available|valid|open|on|running|working|selling|have)\b|\byet\W*$|\bprice (?:right )?now\b/i

/** Returns why a question is not looked up in the semantic cache, as a word, or `undefined`. */
export function ineligibleReason(question: string): string | undefined {
  const plain = plainText(question)
  return RULES.find(([, is]) => is(plain))?.[0]
}
