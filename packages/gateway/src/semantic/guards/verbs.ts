import { stemOf } from './words.ts'

/** Common verbs: only those that are nouns or adjectives as well need care, and the position tells which they are. */
const VERBS =
  `accept access achieve activate add adjust advertise afford agree align allow answer appeal appear apply approve arrange arrive attach avoid
become begin believe bleed block book borrow break bring build burn buy calculate call cancel carry catch cause change charge
check choose claim clean close collect combine come compare complain complete connect consider contact contain convert cook copy correct cost count cover
crack create cure cut deal decide decline decrease delay delete deliver deposit describe design detach develop disable disconnect
discover dispute download draw drill drink drive drop earn eat edit email enable end enter escape exchange expect expire explain export extend
face fail fall feel fight file fill find finish fit fix fly follow forget forward freeze gain get give go grow handle happen
hear heal hide hire hold honor import improve include increase inspect install insure invest invite issue join keep kill know last learn lease
leave lend lift limit link list load lock log look loosen lose lower maintain make manage match mean measure meet mix modify mount move
notice obtain offer open operate order overcome overdraw own pack paint park pass pause pay perform pick place plan play post postpone prepare
prevent print process procure produce program protect prove provide publish pull purchase push put qualify raise reach read receive recommend
record recover redeem reduce refill refinance refund refuse register reject release remain remove renew rent reorder repair replace reply report
request require reschedule reserve reset resolve restart restore return reuse review rise roll rotate run save say schedule seal search secure
see select sell send separate serve set settle share sharpen ship show shut sign solve speak speed spend split stack stand start
stay stop store study submit subscribe succeed sue suffer suggest supply support suppose survive swap switch take talk teach tell terminate
test tighten top track trade train transfer translate travel treat trust turn type understand uninstall unlock unsubscribe update upgrade upload
use validate verify view visit wait walk warn wash watch wear win wire withdraw work worry wrap write`
    .split(/\s+/)
    .map(stemOf)
const VERB_STEMS: ReadonlySet<string> = new Set(VERBS)

export const isVerbStem = (stem: string): boolean => VERB_STEMS.has(stem)
