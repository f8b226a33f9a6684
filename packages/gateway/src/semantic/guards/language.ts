import type { Guard, Question, Word } from './guard.ts'
import { isNeutral } from './modifier.ts'
import { areAlike } from './synonyms.ts'

/** Most common function words, of which nearly every sentence has one. */
const SMALL_WORDS: Record<string, string> = {
  en: 'the a an get is are was do does did can could will would how what when where why who which i my me you your it to of and or not with for from on in at this that have has be been there any if please no hi hello hey thanks thank need want help about by as so but we they our am just all more also should may must these those them than then only other first every each still again yes much many long new free here work fit make made buy sell pay paid order orders ship shipping shipped return refund price cost card payment money bank number address phone password item product part parts delivery deliver store open close check change cancel find use using time day days',
  de: 'der die das den dem ein eine einen einem ist sind war ich mein meine meinen sie ihr wir und oder nicht kein keine mit für von zu auf wie was wann wo warum wer kann können habe hat haben wird werden bitte es man in an am im so zum zur bei nach aus als noch schon auch nur sich wenn dass bin war eure euer ihre ihren kostet versand versandkosten lieferung lieferzeit bestellung bestellen paket rechnung rückgabe rücksendung zurückgeben bezahlen zahlen kündigen konto passwort kaufen gibt geht funktioniert garantie kunde öffnungszeiten versenden liefern ersatzteil ersatzteile bremsbeläge passt',
  fr: 'le la les un une des du de est sont je mon ma mes vous votre vos nous et ou ne pas avec pour sur dans comment quoi quand où pourquoi qui quel quelle puis peut peux ai a avez être que ce cette il elle au aux si plus se sont en y livraison commande commander colis facture retour retourner remboursement payer annuler compte acheter garantie expédier pièce pièces combien possible faire aide bonjour merci',
  es: 'el la los las un una unos de del es son yo mi mis usted su sus nosotros y o no con para por en cómo como qué cuándo cuando dónde donde quién cuál puedo puede he ha tengo ser que este esta se a al me lo si hay está están sobre más pedido envío enviar entrega paquete factura devolución devolver reembolso pagar cancelar cuenta contraseña comprar garantía pieza piezas repuesto cuánto cuesta hola gracias ayuda hacer',
  it: 'il lo la gli le un una di del della è sono io mio mia miei voi vostro noi e o non con per su in come cosa quando dove perché chi quale posso può ho ha avete essere che questo questa si',
  pt: 'o a os as um uma de do da dos das é são eu meu minha você seu sua nós e ou não com para por em como que quando onde porque quem qual posso pode tenho ter este esta se foi',
  nl: 'de het een is zijn was ik mijn u uw je jouw wij en of niet geen met voor van naar op hoe wat wanneer waar waarom wie kan kunnen heb heeft hebben worden dit dat er',
  sv: 'den det en ett är var jag min mitt du din ni er vi och eller inte med för från till på hur vad när vart varför vem kan har hade blir detta som',
  pl: 'jest są nie tak ja mój moja moje pan pani i lub czy z dla od do na w jak co kiedy gdzie dlaczego kto który mogę może mam ma być to ten ta się',
  tr: 'bir ve veya değil ben benim sen sizin biz ile için nasıl ne zaman nerede neden kim hangi var yok mı mi mu bu şu',
}
const languagesOf = new Map<string, string[]>()
for (const [language, row] of Object.entries(SMALL_WORDS))
  for (const word of row.split(' ')) {
    const known = languagesOf.get(word)
    if (known === undefined) languagesOf.set(word, [language])
    else known.push(language)
  }

/** Other languages of which customers are expected. */
const LIKELY = new Set(['de', 'es', 'fr'])
const OTHER_SCRIPT = /(?!\p{Script=Latin})\p{L}/u
const PLAIN = /^[a-z0-9'$€£%#.,:@/_+&-]*$/

/** Returns a language code by function words, a script for non-Latin letters, or `?`. */
export function languageOf(words: readonly Word[]): string {
  const votes = new Map<string, number>()
  let foreign = 0
  for (const { text } of words) {
    for (const language of languagesOf.get(text) ?? []) votes.set(language, (votes.get(language) ?? 0) + 1)
    if (PLAIN.test(text) || text.endsWith('º')) continue
    // One letter of another script is enough: `pаssword` with a Cyrillic letter.
    foreign += OTHER_SCRIPT.test(text) ? 10 : 1
  }
  if (foreign >= 10) return 'other'
  const [best, second] = [...votes].sort(([, a], [, b]) => b - a)
  if (best === undefined) return foreign > 0 ? 'other' : '?'
  if (best[1] !== second?.[1]) return best[0]
  if (foreign > 0) return 'other'
  // A tie with German tells nothing: `was` and `in` are words of both. Words shared with Dutch, like `is`, are rarely Dutch.
  const tied = [...votes].filter(([, count]) => count === best[1]).map(([language]) => language)
  return tied.includes('en') && !tied.some((language) => LIKELY.has(language)) ? 'en' : '?'
}

/**
 * Vetoes texts in two languages, and different texts in a language other than English: the guards read English only,
 * and what they cannot judge is not served.
 */
export const language: Guard = (asked, cached) => {
  if (asked.plain === cached.plain) return undefined
  if (asked.language === 'en' && cached.language === 'en') return undefined
  if (asked.language !== '?' && asked.language !== 'en') return 'language'
  if (cached.language !== '?' && cached.language !== 'en') return 'language'
  // Too short to recognise, like `refund policy`: what is not known to be English must have equal words.
  if (asked.language === '?' && hasUnknown(asked, cached)) return 'language'
  return cached.language === '?' && hasUnknown(cached, asked) ? 'language' : undefined
}

function hasUnknown({ contentSet: mine }: Question, { contentSet: theirs, stems }: Question): boolean {
  if (mine.size === 0) return true
  for (const stem of mine) {
    if (stems.has(stem) || isNeutral(stem)) continue
    let known = false
    for (const other of theirs) if (areAlike(stem, other)) known = true
    if (!known) return true
  }
  return false
}
