import { maskPersonal, maskSecrets } from '../../util/redact.ts'
import { FOREIGN_THING, THING } from './things.ts'

const all = (...sources: string[]) => new RegExp(sources.map((source) => `(?:${source})`).join('|'), 'mu')

/** Words that follow a greeting and are no name. */
const NO_NAME =
  'there|all|everyone|everybody|team|customer|customers|valued|dear|sir|madam|folks|friend|friends|again|for|you|to|and|or|the|a|an|our|' +
  "we|i|it|this|that|that's|if|in|on|at|of|with|from|back|so|very|is|are|what|how|when|your|yes|no|not|but|as|please|can|world|" +
  'morning|afternoon|evening|day|customer|support|zu|an|und|a|en|à|tout|todos'
const GREETING =
  'dear|hi|hello|hey|greetings|good (?:morning|afternoon|evening|day)|welcome(?: back)?|thanks|thank you|many thanks|sorry|apologies|' +
  'hallo|guten (?:tag|morgen|abend)|liebe[rs]?|sehr geehrte[rs]?|hola|buenos días|buenas tardes|estimad[oa]|querid[oa]|bonjour|bonsoir|' +
  'cher|chère|salut|merci|danke|gracias'

/** Addresses one person: `Hi Sofia`, `thanks, MARIA`, `sorry, mr lopez`. */
const GREETS = all(
  `^\\W*(?:(?:yes|no|ok|okay|sure|well|ah|oh)\\W+)?(?:${GREETING})(?: so much| very much)?,? (?!(?:${NO_NAME})\\b)\\p{L}[\\p{L}'-]*`,
  `\\b(?:thanks|thank you|sorry|apologies)(?: so much| very much)?, (?!(?:${NO_NAME})\\b)\\p{L}[\\p{L}'-]*\\s*[.!,]`,
  '\\b(?:mr|mrs|ms|dr|herr|frau|señora?|sra?|monsieur|madame)\\.? \\p{L}{2,}',
)

const SUPPOSED =
  '(?<!\\b(?:if|unless|in case|once|when|whenever|after|until|before|provided|whether|as long as|as soon as|means|means that) (?:[\\p{L}]+ ){0,1})'

/** Tells one person what has become of their thing, or what they did. */
const TELLS = all(
  `${SUPPOSED}\\byour (?:[\\p{L}'-]+ ){0,3}?${THING} (?:[\\p{L}'-]+ ){0,2}?(?:is|are|was|were|has|have|had|will|should|went|arrived|shipped|left|shows|ends|expires|contains|got|appears|now|of \\$|ending)\\b`,
  `\\byour ${THING}(?:'s (?:on|in|at|been|now)|,? (?:number|no\\.?|id|#) ?(?:is|:|\\d))`,
  `${SUPPOSED}\\byou(?:'ve| have| had)? (?:already |just |also |recently |not |never |been )*(?:were|was|did|had|been|paid|bought|sent|made|got|placed|spent|left|used|chose|signed|returned|ordered|requested|received|purchased|cancell?ed|charged|refunded|[a-z]{3,}[^\\We]ed)\\b`,
  `\\byou (?:owe|are (?:due|owed|currently|now|being|subscribed|registered|enrolled|signed up))\\b`,
  `${SUPPOSED}\\b(?:it|they|he|she|(?:the|this|that) (?:[\\p{L}-]+ ){0,2}?(?:${THING}|driver|charge|entry)) (?:was|were|has|have|had|hasn't|wasn't|weren't|didn't|left|arrived|went|came)\\b`,
  `${SUPPOSED}\\bthe (?:[\\p{L}-]+ ){0,2}?${THING} (?:is|are)(?: now| already| not)? (?:booked|ready|done|confirmed|complete|delayed|late|lost|pending|being|still|here|there|on)\\b`,
  "\\byou(?:'re| are) all set\\b",
  '\\b(?:his|her) (?:order|account|refund|payment|card|parcel|package)\\b',
)

const HANDLED =
  '(?:cancell?ed|refunded|processed|issued|sent|updated|changed|reset|checked|looked|found|located|applied|credited|charged|removed|escalated|' +
  'forwarded|submitted|confirmed|booked|scheduled|replaced|contacted|notified|extended|waived|received|noticed|verified|reviewed|arranged|' +
  'shipped|dispatched|delivered|approved|declined|rejected|activated|deactivated|closed|paid|reserved|reached out|spoken|created|opened|added)'

/** Tells what was done, or looked at, for one person. */
const DID = all(
  `\\bi(?:'ve| have| had|'d| just| already| went ahead| did| didn't)\\b`,
  "\\bi(?:'ll| will| can|'m| am| could)? (?:now |just |already |also |gladly |go ahead and )*(?:see|cancel|refund|process|issue|send|update|change|reset|check|look|find|locate|apply|credit|remove|escalate|forward|submit|confirm|book|schedule|replace|contact|extend|waive|verify|review|arrange)(?:l?ing)?\\b",
  `\\b(?:i|we)(?:'ve| have| had)? (?:now |just |already |also |successfully |been )*${HANDLED}\\b`,
  `\\bwe (?:(?:can|could) see|see (?:that|your|an?|two)|are (?:processing|sending|looking|shipping|refunding|cancell?ing|reviewing|checking)|will (?:be )?(?:contact|email|call|notify|reach out)[a-z]* you)\\b`,
  `\\b(?:has|have) (?:now |just |already |successfully )*been ${HANDLED}\\b`,
)

/** Longest answer that is stored: longer ones are seldom equal, and take long to read. */
const MAX_CHARS = 20_000

/** Refers to records: tracking, order and ticket numbers, the last digits of a card. */
const NUMBERED = all(
  '#\\s?\\w*\\d',
  '\\b(?:order|ticket|case|reference|ref|invoice|confirmation|claim|return|rma|booking|tracking|account|customer|transaction|policy|shipment|contract)(?: (?:number|no|id|code|ref))?\\.?\\s?[:#]?\\s?(?=[\\w-]*\\d{3})[\\w-]+',
  '\\b(?:1z[0-9a-z]{16}|[a-z]{2}\\d{9}[a-z]{2}|\\d{10,})\\b',
  '\\b(?:ending|ends) (?:in|with) \\d{2,4}\\b|\\b(?:x{3,}|\\*{2,})\\s?-?\\d{2,4}\\b',
)

const AMOUNT =
  '[$€£¥]\\s?\\d|\\d\\s?[$€£¥]|\\b(?:usd|eur|gbp|cad)\\s?\\d|\\d\\s?(?:usd|eur|gbp|cad|dollars|euros|pounds|cents)\\b'
const MONTH =
  '(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)(?:uary|ruary|ch|il|e|y|ust|tember|ober|ember)?|januar|februar|märz|mai|juni|juli|' +
  'oktober|dezember|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|janvier|février|mars|avril|' +
  'juin|juillet|août|septembre|octobre|novembre|décembre'
const DATE = `\\b(?:\\d{1,2}(?:st|nd|rd|th|\\.)? (?:de |of )?(?:${MONTH})|(?:${MONTH})\\.? \\d{1,2}(?:st|nd|rd|th)?|\\d{4}-\\d\\d-\\d\\d|\\d{1,2}[/.]\\d{1,2}(?:[/.]\\d{2,4})?)(?![\\p{L}\\d])`
const WEEKDAY = '(?:mon|tues|wednes|thurs|fri|satur|sun)day'

const HAS_AMOUNT = all(AMOUNT)
const HAS_DATE = all(DATE)

/** True at this moment only: stock, prices of now, events under way, dates of arrival. */
const MOMENTARY = all(
  '\\b(?:today|tonight|tomorrow|yesterday|currently|right now|at the moment|at this time|as of|presently|these days|this (?:week|weekend|month|morning|afternoon|evening|season)|next week|last (?:week|month|night)|a moment ago|just now|so far|recently)\\b',
  '\\b(?:in stock|out of stock|sold out|on backorder|backordered|back in stock|(?:only )?\\d+ (?:[\\p{L}]+ )?(?:left|remaining|in stock|available)|low in stock|on its way|out for delivery|in transit|on sale)\\b',
  `\\b(?:arriv|deliver|ship|expect|schedul|estimat|due|leave|left)[a-z]* (?:[\\p{L}]+ ){0,4}?(?:on|by|for|this|next|before) (?:the )?(?:${WEEKDAY}\\b|${MONTH}\\b|\\d{1,2}(?:st|nd|rd|th|[/.]\\d))`,
  `\\b(?:on|by|until|this|next|last) ${WEEKDAY}\\b(?!s)`,
  "\\b(?:heute|morgen|gestern|derzeit|momentan|aktuell|zurzeit|hoy|ahora|actualmente|mañana|ayer|aujourd'hui|actuellement|demain|hier|en ce moment)(?!\\p{L})",
)

/** Asks for more, instead of answering. */
const CLARIFIES = all(
  '\\b(?:could|can|would|will|may) (?:you|i)(?: please| kindly)? (?:tell|provide|share|confirm|specify|clarify|send|give|let|describe|explain|ask|have|get|see|know)\\b[^.?!]*\\?',
  '\\b(?:please|kindly) (?:provide|share|confirm|specify|clarify|tell|let (?:me|us) know|send|give) (?:(?:me|us) )?(?:with )?(?:your|which|what|the|more|a|whether|if)\\b',
  "\\bwhat(?:'s| is| was)? (?:your|the) (?:order|account|email|e-mail|name|model|year|zip|phone|customer|tracking|make|part|vin|exact)\\b[^.!]*\\?",
  '\\bwhich (?:one|model|product|item|order|year|make|version|plan|country|size|part|vehicle|car|type|of)\\b[^.!]*\\?\\s*$',
  '\\b(?:do|did|are|have|were) you (?:mean|referring|asking|tried|looking|using|have)\\b[^.!]*\\?',
  '\\b(?:send|give|tell|show) (?:over|us|me)\\b.{0,40}\\b(?:and|so)\\b|^[^.!?]{0,60}\\b(?:first,? please|please)\\W*$|\\bwhich [\\p{L} ]{1,30}\\?',
  '\\b(?:more (?:details|information|context)|a (?:bit|little) more|additional (?:details|information))\\b.{0,60}\\b(?:help|assist|needed|required|need|provide|share)\\b',
)

/** Does not answer. */
const KNOWS_NOTHING = all(
  "\\b(?:i|we)(?:'m| am|'re| are)? (?:afraid|not sure|unsure|unable|not able|not certain|cannot say|couldn't|could not|lack)\\b",
  "\\bwe (?:do not|don't|cannot|can't) (?:know|find|see|access|locate|tell|have (?:any |enough )?(?:information|record|records|access|details))\\b",
  '\\bas an? (?:ai|language model|virtual|assistant|automated)\\b|\\b(?:language model|my (?:training|knowledge)|knowledge cut-?off)\\b',
  '\\b(?:no|not enough|insufficient) (?:information|data|details|context|access|record|records)\\b|\\b(?:unable|impossible) to (?:find|access|help|locate|answer|determine|provide|verify|confirm)\\b',
  "\\b(?:does not|doesn't|do not|don't) (?:know|have (?:access|information|enough|any information|details))\\b",
)

/** The same in German, Spanish and French. */
const FOREIGN = all(
  `\\b(?:ihre?[mnrs]?|deine?[mnrs]?|eure?[mnrs]?|su|sus|tu|tus|vuestr[oa]s?|votre|vos|ton|ta|tes) (?:[\\p{L}-]+ )?${FOREIGN_THING}(?!\\p{L})`,
  '\\b(?:ich|wir) (?:habe|haben|hatte|hatten|werde|werden|sehe|sehen|kann|können|bin|weiß|wissen)\\b',
  "(?:^|[^\\p{L}])(?:he|hemos|veo|vemos|puedo|no sé|no tengo|no dispongo|lo siento|leider|désolée?|j'ai|je vois|nous avons|nous voyons|je ne|je peux|j'annule)(?!\\p{L})",
  '\\b(?:sie|du|ihr) (?:haben|hast|habt|wurden|wurdest)\\b|\\b(?:usted )?ha(?:s|n)? (?:sido|[\\p{L}]+ado|[\\p{L}]+ido)\\b|\\bvous avez\\b|\\btu as\\b',
)

/** Speaks of the one who answers, or reports that something is done. */
const SPEAKS = all(
  "\\b(?:i|i'm|i've|i'd|i'll|me|my|mine|myself)\\b",
  '^\\W*(?:(?:yes|ok|okay|sure|great|perfect|alright)\\W+)?(?:all set|all done|done|sorted|noted|got it|there you go|good news|bad news|congratulations|congrats)\\b',
  // A sentence without a subject: `Held back until Monday`, `Just emailed it over`.
  '(?:^|[.!?,:]\\s+)(?:just |already |now |sure, )*(?!(?:need|based|recommended|required|included|listed|located|used|provided|designed|limited|related|advanced|detailed|united|red)\\b)(?:[a-z]{2,}[^\\We]ed|held|sent|put|made|taken|given|done|found|set up|written|paid|told|kept) (?:it|them|back|from|to|at|on|over|off|in|by|until|for|up|out|again|you|the|with)\\b',
  "\\b(?:don't worry|no worries|enjoy|you're in|all good|well done|welcome aboard|see you)\\b",
  '\\b(?:no idea|hard to say|not sure|beyond what|who knows|good question)\\b|^\\W*(?:nothing|none|neither)\\b',
  '\\blet me\\b|\\bgood to go\\b|\\bas requested\\b|\\bper your\\b',
)

/** Introduces a case, or what is said of a thing in general. */
const IN_GENERAL =
  "(?<!\\b(?:if|unless|in case|once|when|whenever|after|until|before|provided|whether|that|which|who|whose|as|where|because|since|what|how|items?|parts?|products?|goods|orders?) (?:[\\p{L}\\d'-]+ ){0,4})"

/** Tells of the past: general answers do that in clauses only (`if you were charged`, `parts that were used`). */
/** Not after a form of `be`: `parts are made`, `has to be paid`. */
const ACTIVE = '(?<!\\b(?:be|is|are|being|been|get|gets|to|not|and|or|usually|often|also|only) )'

const PAST = all(
  `${IN_GENERAL}${ACTIVE}\\b(?:was|were|wasn't|weren't|got|went|came|did|didn't|had|hadn't|took|made|sent|paid|gave|said|told|found|lost|bought|sold|began|arrived|started|ended|failed|expired|stopped|happened|showed|approved|moved|called|asked|tried|wanted|needed|looked)\\b`,
  `${IN_GENERAL}\\b(?:has|have|hasn't|haven't|they've|we've|you've) (?:not |now |just |already |also |only |never |since )*(?:been|gone|come|got|gotten|left|put|made|sent|paid|had|given|taken|done|[a-z]{3,}[^\\We]ed)\\b`,
)

/** Tells where one thing or person stands. */
const STANDS = all(
  "\\byou(?:'re| are) (?:now |currently |still |already )*(?:first|second|third|fourth|fifth|next|last|number|no\\.|\\d|on the|in line|in the|up|booked|approved|covered|enrolled|registered|scheduled|confirmed|good|owed|due|being|signed|not)\\b",
  '\\b(?:the|this|that) (?:other|second|first|third|younger|older|last|next|latest) (?:one|ones)\\b',
  "(?<!\\b(?:can|may|if it's|as|is|are) )\\b(?:still|already|soon)\\b(?! as)|\\b(?:still being|not yet|yet|anymore|any longer|meanwhile|shortly)\\b",
  '\\b(?:now|another \\d+|any (?:minute|moment|day|time) now|later today)\\b',
  "\\b(?:at|by|around|about) \\d{1,2}(?:[:.]\\d{2})? ?(?:[ap]\\.?m|o'clock|uhr|h)\\b(?! (?:to|until|-|–|bis))|\\b(?:at|by|around) \\d{1,2}[:.]\\d{2}\\b(?! ?(?:to|until|-|–))",
  '\\byour (?:[\\p{L}-]+ )?(?:file|records?|balance|results?|quote)\\b',
  '\\b(?:on site|on the way|on its way|under ?way|is with|are with|is back|in credit|is finished|is ready|is (?:now|at) the|is a (?:pass|fail|match)|are owed|is owed|stops away|taken care of|sitting (?:there|here)|remaining|on order|on hold|at the depot)\\b',
  '\\bwithin the (?:hour|next|day)\\b|\\bin about (?:an?|\\d+|[a-z]+) (?:minutes?|hours?)\\b|\\bany (?:time|moment|minute) (?:before|now|after)\\b|\\baround (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon)\\b',
  `\\b(?:on|until|till|by|for|before|since) the (?:first|second|third|\\p{L}+(?:th|first|second|third))\\b|\\bsince (?:${MONTH})\\b`,
  '\\b(?:someone|somebody|a (?:crew|neighbou?r|colleague|technician|courier|driver)|the (?:driver|crew|owner|technician|courier|doctor)) (?:is|will|has|are|signed|left|usually)\\b',
  '\\b(?:this|that) (?:has|is|one|was)\\b|\\bas a (?:longtime|long-time|loyal|valued|returning)\\b',
  '\\byours\\b|\\b(?:mr|mrs|ms|dr)\\.? \\p{L}+',
)

const RULES = [
  GREETS,
  SPEAKS,
  PAST,
  STANDS,
  TELLS,
  DID,
  NUMBERED,
  MOMENTARY,
  CLARIFIES,
  KNOWS_NOTHING,
  FOREIGN,
]

/** Names of buttons and pages: `"My orders"`. */
const LABEL = /"[^"\n]{1,40}"/g

/** Closing phrases that are no questions for more. */
const CLOSING =
  /(?:(?:is there|do you have|if you have|have) (?:anything else|any(?: other| more| further)? questions?)|(?:feel free|don't hesitate|do not hesitate) to|let (?:me|us) know if|would you like (?:help|me|assistance|to know more)|(?:can|may|could) i (?:help|assist) (?:you )?(?:with )?anything|i hope this helps|happy to help|glad to help)[^.?!\n]*[.?!]?/giu

/**
 * Returns whether an answer may be given to another asker at another time: it addresses and describes no single person,
 * reports no action, states nothing that is true at one moment only, and answers. `text`: plain text. Doubt counts against
 * it: an answer that is not stored costs one call.
 */
export function isImpersonal(text: string): boolean {
  if (text.length > MAX_CHARS || maskPersonal(maskSecrets(text)) !== text) return false
  const lower = text.replace(CLOSING, ' ').replace(LABEL, ' ').toLowerCase()
  return !(HAS_AMOUNT.test(lower) && HAS_DATE.test(lower)) && !RULES.some((rule) => rule.test(lower))
}
