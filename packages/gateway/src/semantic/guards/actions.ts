import type { Guard, Word } from './guard.ts'
import { stemOf } from './words.ts'

/** Verbs that change something in the world, when a command begins with them. */
const VERBS: ReadonlySet<string> = new Set(
  `cancel refund send resend transfer move pay order reorder buy purchase book reserve schedule reschedule delete remove erase add
update change set reset activate deactivate enable disable block unblock freeze unfreeze lock unlock open close create make
submit file report upgrade downgrade subscribe unsubscribe renew extend return exchange replace ship deliver apply redeem
charge withdraw deposit issue dispute call text email message remind start stop turn play pause skip mute unmute roll flip
connect disconnect link unlink share post publish upload download install uninstall register sign enrol enroll switch
confirm approve reject accept decline assign invite notify alert escalate forward print increase decrease raise lower put
give mark clear restart reboot sync invest sell donate convert redirect track hold resume waive lend`.split(
    /\s+/,
  ),
)
const VERB_STEMS: ReadonlySet<string> = new Set([...VERBS].map(stemOf))
/** Tells whether a stem is of a verb that changes something. */
export const isAction = (stem: string): boolean => VERB_STEMS.has(stem)

/** Words that may precede a command. */
const BEFORE =
  /^(?:please|pls|kindly|hi|hey|hello|just|now|then|ok|okay|and|also|so|go|ahead|thanks|immediately|quickly|urgently|well|yes|sure)$/
/** Before the verb, these tell the reader to act: `Can you cancel`, `I would like you to cancel`. */
const TOLD = /^(?:can|could|will|would) (?:you|u)$|^(?:like|want|need) you$|^(?:you|u) (?:to|please)$/

/** German, Spanish and French: other guards refuse their texts, but not equal ones. */
const FOREIGN =
  /^(?:(?:bitte|hallo|por favor|hola|bonjour|s'il vous plaît|pouvez vous|können sie|könnten sie|puede|puedes|podría) )*(?:storniere|stornieren|kündige|kündigen|sende|senden|schicke|schicken|lösche|löschen|ändere|ändern|bestelle|bestellen|erstatte|erstatten|buche|buchen|überweise|überweisen|sperre|sperren|cancela|cancele|cancelar|envía|envíe|enviar|elimina|elimine|borra|borre|cambia|cambie|cambiar|devuelve|devuelva|reembolse|reembolsa|transfiere|transfiera|bloquea|bloquee|annulez|annule|annuler|envoyez|envoie|envoyer|supprimez|supprime|changez|change|changer|modifiez|remboursez|rembourse|transférez|bloquez|commandez) /

/** Tells whether a text commands an action. */
export function isCommand(words: readonly Word[]): boolean {
  if (FOREIGN.test(firstOf(words))) return true
  let at = 0
  while (at < Math.min(words.length, 6) && BEFORE.test(words[at]?.text ?? '')) at += 1
  if (VERBS.has(words[at]?.text ?? '') && !isNoun(words, at)) return true
  for (; at + 2 < words.length && at < 40; at += 1) {
    if (!TOLD.test(`${words[at]?.text} ${words[at + 1]?.text}`)) continue
    let verb = at + 2
    while (
      verb < Math.min(words.length, at + 6) &&
      (BEFORE.test(words[verb]?.text ?? '') || words[verb]?.text === 'to')
    )
      verb += 1
    if (VERBS.has(words[verb]?.text ?? '')) return true
  }
  return false
}

const firstOf = (words: readonly Word[]) =>
  words
    .slice(0, 8)
    .map(({ text }) => text)
    .join(' ')

/** Headings are not commands: `Order status`, `Return policy`, `Transfer not arrived`. */
const isNoun = (words: readonly Word[], at: number) =>
  /^(?:status|policy|policies|fee|fees|limit|limits|time|times|not|is|was|has|did|does|failed|pending|declined|number|history|options|methods|method|cost|costs|issue|issues|problem|problems|address|code|window|period|date|error|did|taking|charge|rate|rates|process|request|confirmation|details|form|shipping)$/.test(
    words[at + 1]?.text ?? '',
  )

/** Vetoes commands: their answer states that the action was done, which is false when served again. */
export const actions: Guard = (asked, cached) => (asked.command || cached.command ? 'actions' : undefined)
