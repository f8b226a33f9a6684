import { FOREIGN_THING, THING } from './things.ts'

/** Words that may stand between a subject and its verb. */
const ADVERB =
  '(?:(?:just|still|already|recently|never|only|also|actually|accidentally|mistakenly|once|even|really|first|then|now|not|been|ever|' +
  'last|since|apparently|suddenly|clearly|definitely|finally|probably|currently|today|yesterday|earlier|twice) )*'

/** Past forms of verbs that do not end in -ed. */
const IRREGULAR =
  'was|were|had|did|got|went|came|made|paid|sent|bought|sold|lost|found|forgot|withdrew|took|gave|saw|spoke|told|wrote|chose|put|' +
  'set|cut|broke|drove|ran|left|kept|spent|read|heard|thought|brought|caught|felt|built|hit|began|became|knew|met|stood|understood|' +
  'gone|done|been|seen|taken|given|written|chosen|broken|forgotten|withdrawn|spoken|driven|shown|stolen'

/** A past form: irregular, or regular. Words such as `need` and `exceed` are none. */
const PAST = `(?:${IRREGULAR}|(?!wanted to|hoped to|needed to)[a-z]{2,}[^\\We]ed|[a-z]*(?:reed|uted|oded))(?=\\W|$)`

/** Introduces a case that is supposed, not told. */
const SUPPOSED =
  '(?<!\\b(?:if|unless|in case|suppose|supposing|assuming|whenever|once|should|would|could) (?:[a-z]+ )?)'

/** State, or its absence, of a thing. */
const STATE =
  '(?:is|are|was|were|has|have|had|did|does|do|will|went|came|got|says|shows|keeps|arrives|shipped|failed|arrived|left|disappeared|' +
  "isn't|aren't|wasn't|weren't|hasn't|haven't|hadn't|didn't|doesn't|won't|never|still|not|[a-z]{2,}ed)"

/** What has become of a thing. */
const OUTCOME =
  '(?:arrived?|arriving|come|came|stopped|stop|left|leave|been|shipped?|sent|posted|mailed|delivered|dispatched|processed|processing|issued|approved|rejected|' +
  'declined|denied|refunded|paid|credited|charged|debited|booked|cancell?ed|confirmed|received|returned|replaced|repaired|ready|' +
  'on (?:its|the|their) way|here|there|coming|gone|lost|stuck|delayed|late|overdue|out for|complete[d]?|done|pending|yet|through|' +
  'cleared|posted|taking|so long|applied|added|reversed|waived|removed|updated|changed|corrected|verified|reviewed|handled|' +
  'sorted|fixed|looked|showing|show up|reached?|scheduled|resolved|closed|open|active|blocked|frozen|working|activated|expired?)'

/** Words that point to one thing known to the speakers. */
const DEFINITE = "(?:the|this|that|those|these|my|our|his|her|their|[\\p{L}]+'s)"

const OWN = '(?:my|mine|our|ours)'
const QUESTION_WORD =
  '(?:where|when|what|which|who|why|has|have|had|did|is|are|was|were|do|does|will|can you (?:see|check|tell|find)|' +
  'how (?:much|many|long|soon|far|old))'

const all = (...sources: string[]) => new RegExp(sources.map((source) => `(?:${source})`).join('|'), 'u')

/** The asker tells or asks what happened to them: `I was charged`, `we've paid`, `did I`, `I'm still waiting`. */
const FIRST_PERSON = all(
  `${SUPPOSED}\\b(?:i|we) ${ADVERB}${PAST}`,
  `${SUPPOSED}\\b(?:i|we)(?:'ve|'d| have| had) ${ADVERB}${PAST}`,
  `${SUPPOSED}\\b(?:i|we)(?:'m| am| are|'re) ${ADVERB}(?:being|waiting|missing|expecting|due|owed|short of|charged|billed|debited|blocked|locked out|banned|suspended|refunded|overdue|yet to)\\b`,
  "\\bit(?:'s| has| is) been (?:\\d|an?|over|more|several|many|some|two|three|four|five|six|ten|weeks|days|months)\\b",
  `\\bhow (?:much|many)\\b.{0,40}\\b(?:i|we) (?:owe|earn|spend|weigh|have left)\\b`,
  `\\bwhen(?:'ll| will| do| can| should| am| would) (?:i|we) (?:be )?(?:receiv|get)|\\bwhen i'll be\\b`,
  `\\b(?:i|we) ${ADVERB}(?:haven't|havent|hadn't|didn't|didnt|wasn't|weren't|couldn't)\\b`,
  `\\b(?:was|were|have|had|did|haven't|hadn't|didn't|wasn't|weren't) (?:i|we)\\b`,
  '\\bam i (?!able|allowed|supposed|permitted|required)|\\bdo (?:i|we) (?:qualify|owe|count)\\b',
  `\\b(?:charged|billed|debited|emailed|called|told|sent|refunded|owed?s?|promised|gave|given) (?:me|us)\\b`,
)

/** The state of the asker's own things: `where is my order`, `my card was declined`. */
const OWN_STATE = all(
  `^(?:(?:hi|hello|hey|please|so|and|but|ok|okay|well|also)[\\s,]+)*${QUESTION_WORD}\\b.{0,120}${SUPPOSED}\\b${OWN}\\b`,
  `${SUPPOSED}\\b(?:my|our) (?:[\\p{L}'-]+ ){1,4}?${STATE}\\b`,
  '\\b(?:my|our|the|this) (?:[\\p{L}-]+ ){0,2}status\\b',
  `\\bwhat(?:'s| is| has)? happen(?:ed|ing)? (?:to|with) ${DEFINITE}\\b`,
  `\\b(?:who am i|my name is|my name's|i am called|i'?m [\\p{L}]+ from|my (?:customer|account|order|member|policy|card) (?:number|no|id))\\b`,
  `\\b(?:my|our|his|her) (?:wife|husband|son|daughter|mother|father|mum|mom|dad|brother|sister|kids?|child|partner|friend)s?'?s? [\\p{L}]+`,
  "\\b(?:ours|mine) (?:is|are|was|has|isn't|won't)\\b|\\b(?:on|in|into|of) (?:my|our) (?:account|order|card|contract|booking|shipment|cake|visit)\\b|\\b(?:please|pls) (?:hold|move|shift|put|dont|don't|do not)\\b|^(?:hold|move|shift|put) (?:my|our|me)\\b",
  '\\bthis is [\\p{L}]+ (?:from|here|speaking|calling)\\b',
)

/** The state of one definite thing: `has the package left`, `the refund hasn't come`. */
const DEFINITE_STATE = all(
  `\\b(?:has|have|hasn't|haven't|had|is|are|isn't|aren't|was|were|wasn't|weren't|did|didn't|does|will|would|should|might|could) ${DEFINITE} (?:[\\p{L}'-]+ ){0,3}?${THING}\\b.{0,60}\\b${OUTCOME}\\b`,
  `${SUPPOSED}\\b${DEFINITE} (?:[\\p{L}'-]+ ){0,2}?${THING} (?:says?|shows?|has|have|had|hasn't|haven't|hadn't|is still|was|were|wasn't|weren't|did|didn't|never|still|isn't|got|arrived|left)\\b`,
  `\\b(?:where|when)(?:'s|'d|'ll| is| are| was| were| did| does| will| has)\\b (?:${DEFINITE} (?:[\\p{L}'-]+ ){0,2}?${THING}|it|they)\\b`,
  `^(?:not|no|never) (?:yet )?(?:received|delivered|shipped|arrived|refunded|credited|processed|got)\\b`,
  `^${THING} (?:(?:is|was|are|were|has|have|still|not|never|isn't|wasn't|hasn't) )+.{0,20}\\b${OUTCOME}\\b`,
  `\\b(?:has|have|did|is|was|will) (?:it|he|she|they|someone|anyone|somebody) (?:[\\p{L}']+ ){0,2}?${OUTCOME}\\b`,
  `\\b(?:did|have|has) you(?:r team| guys)? (?:[\\p{L}']+ ){0,2}?(?:receive|received|get|got|send|sent|ship|shipped|process|processed|refund|refunded|cancel|cancell?ed|charge|charged|post|posted|issue|issued|see|seen)\\b`,
)

/** Tells of one thing's past, or refers to what was said before. */
const REFERS = all(
  `\\b(?:did|didn't|has|hasn't|have|haven't|was|wasn't|were|weren't) ${DEFINITE} (?!.{0,60}\\b(?:19|20)\\d\\d\\b)`,
  `\\b(?:is|are|isn't|aren't|will) ${DEFINITE} (?:[\\p{L}'-]+ ){1,6}?(?:confirmed|renewed|extended|booked|approved|accepted|granted|sorted|fixed|repaired|reserved|cancell?ed|postponed|rescheduled|paid|settled|finished|done|ready|over|back)\\b`,
  '^(?:(?:ok|okay|thanks|thank you|great|hi|hello)\\W+)*(?:and|but|so|also|then|what about|how about|same for)\\b.{0,40}\\b(?:one|ones|it|them|that|this|those|these|other|others|second|first|rest)\\b',
  `${SUPPOSED}\\b(?:hasn't|haven't|hasnt|havent|never) (?:[a-z]+ed|come|came|got|gone|been|shown|made)\\b`,
  '\\b(?:is|are) there (?:anything|something|any [\\p{L}]+|a [\\p{L}]+) (?:outstanding|unpaid|due|open|pending|left)\\b|^any(?:thing|one)? (?:outstanding|unpaid|due|pending)\\b',
  '\\b(?:the|that|this) (?:other|second|first|last|same) (?:one|ones)\\b',
  '\\b(?:mr|mrs|ms|dr)\\.? \\p{L}+',
)

/** Asks what is new: `any update on the delivery`. */
const UPDATE = all(
  '\\b(?:any|an|the|some|latest) (?:[\\p{L}]+ )?(?:updates?|news|progress|word|eta) (?:on|about|of|for|regarding|with|from|yet)\\b',
  '^(?:an?y? )?(?:updates?|news|progress|eta)\\b',
  '\\b(?:can|could|would|will) you (?:please )?(?:see|check|look|tell me|confirm|find out|verify|let me know) (?:if|whether|why|where|when|what happened)\\b',
  '\\b(?:status|progress|whereabouts|eta) (?:of|on|for) (?:the|this|that|these|it|an?)\\b',
  `^(?:please |pls |can you |could you |would you |i (?:want|need|would like|'d like) (?:you )?to )*(?:(?:track|trace|locate) (?:the |an? |this |my |our )?(?:status|${THING})|(?:check|look up|find|show|tell) (?:me )?(?:up )?(?:(?:the |an? )?(?:[\\p{L}-]+ )?status|(?:the|this|that) ${THING}))\\b`,
)

/** The same in German, Spanish and French. Any possession, and any perfect in the first person, counts. */
const FOREIGN = all(
  `\\b(?:meine?[mnrs]?|unsere?[mnrs]?|mis?|mía|nuestr[oa]s?|mon|ma|mes|notre|nos) (?:[\\p{L}-]+ )?${FOREIGN_THING}(?![\\p{L}])`,
  '\\b(?:ich|wir) (?:habe|haben|hatte|hatten|wurde|wurden|bin|war|warte|warten|bekam|erhielt)\\b',
  '\\b(?:habe|wurde|bin|hatte|war) ich\\b|\\b(?:haben|wurden|hatten) (?:wir|sie|ihr)\\b',
  '\\b(?:he|hemos|me han|nos han) [\\p{L}]+(?:ado|ido|cho|sto|rto)(?![\\p{L}])',
  "(?:^|[^\\p{L}])(?:j'ai|nous avons|on m'a|m'a-t-on|ai-je|j'attends|j'avais|je suis (?:débité|facturé))(?![\\p{L}])",
  `\\b(?:wo|wann|ist|sind|wurde|kam|hat|haben) (?:ist |sind |kommt |wird |bleibt |bleiben )?(?:der|die|das|den|dem|mein[\\p{L}]*) ${FOREIGN_THING}(?![\\p{L}])`,
  `(?:^|[^\\p{L}])(?:dónde|cuándo|ha|han|ya) (?:está|están|llega|llegará|llegado|salido|enviado)?.{0,30}(?:el|la|mi|los|las) ${FOREIGN_THING}(?![\\p{L}])`,
  `(?:^|[^\\p{L}])(?:où|quand|est-ce que) .{0,30}(?:le|la|les|mon|ma|l') ?${FOREIGN_THING} (?:est|a|sera|arrive|arrivera)\\b`,
)

const RULES = [FIRST_PERSON, OWN_STATE, DEFINITE_STATE, REFERS, UPDATE, FOREIGN]

/**
 * Returns whether the answer depends on one person's records, or tells of them. Read are English, and the commonest forms
 * of German, Spanish and French. `question`: plain text.
 */
export function isPersonalQuestion(question: string): boolean {
  const lower = question.toLowerCase()
  return RULES.some((rule) => rule.test(lower))
}
