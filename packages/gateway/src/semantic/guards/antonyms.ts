import { OPPOSITES } from './antonyms-data.ts'
import type { Guard, Question } from './guard.ts'
import { stemOf } from './words.ts'

/** Function words and trade terms that WordNet lacks as opposites. */
const MORE = `before/after with/without in/out into/out inside/outside up/down over/under above/below on/off to/from
more/less more/fewer most/least many/few always/never before/since until/after ahead/behind
add/remove add/delete create/delete start/cancel start/stop start/end begin/stop join/leave enter/leave enter/exit
open/close turn/keep allow/block allow/deny allow/prevent approve/deny approve/decline approve/reject accept/decline
waive/charge grant/deny keep/cancel keep/return sender/receiver sender/recipient buyer/seller
send/receive sent/received give/take give/receive lend/borrow pay/charge pay/refund win/lose gain/lose earn/lose earn/spend
save/spend raise/lower increase/reduce increase/lower rise/fall rise/drop gain/loss profit/loss income/expense
bullish/bearish call/put asset/liability principal/interest fixed/variable fixed/floating fixed/adjustable gross/net
domestic/international local/international national/international foreign/local secured/unsecured
first/last early/late earlier/later earliest/latest oldest/newest best/worst better/worse cheapest/expensive cheap/expensive
highest/lowest higher/lower longest/shortest longer/shorter biggest/smallest bigger/smaller largest/smallest larger/smaller
fastest/slowest faster/slower maximum/minimum max/min full/partial full/empty whole/partial complete/partial
free/paid optional/mandatory optional/required voluntary/mandatory temporary/permanent public/private manual/automatic
manually/automatically online/offline online/instore available/unavailable success/failure successful/failed succeed/fail
pass/fail lock/unlock freeze/unfreeze block/unblock subscribe/unsubscribe install/uninstall connect/disconnect
activate/deactivate enable/disable mute/unmute pair/unpair upload/download import/export credit/debit old/new used/new existing/new reusable/disposable single/multiple
wholesale/retail prepaid/postpaid weekly/monthly daily/weekly daily/monthly monthly/yearly monthly/annual weekly/yearly
hot/cold wet/dry indoor/outdoor sync/async read/write safe/dangerous legal/illegal good/bad true/false yes/no
pros/cons advantage/disadvantage benefit/drawback benefit/risk lightest/heaviest widest/narrowest thickest/thinnest hottest/coldest nearest/farthest upper/lower inner/outer front/rear front/back left/right
oem/aftermarket driver/passenger intake/exhaust glossy/matte attach/detach tighten/loosen fill/drain hide/show hide/unhide deaf/hearing male/female wide/narrow thick/thin
fast/slow quick/slow heavy/light rich/poor strong/weak hard/soft sharp/blunt deep/shallow loud/quiet rough/smooth tight/loose clean/dirty young/old early/late
cause/prevent cause/cure help/harm help/cause treat/cause heal/cause avoid/cause`

/** Opposites by stem. Built for the first question that needs them; most processes never do. */
let opposites: ReadonlyMap<string, ReadonlySet<string>> | undefined

function readOpposites(): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Map<string, Set<string>>()
  const put = (from: string, to: string) => {
    const others = known.get(from)
    if (others === undefined) known.set(from, new Set([to]))
    else others.add(to)
  }
  for (const pair of `${OPPOSITES} ${MORE}`.split(/\s+/)) {
    const [one = '', other = ''] = pair.split('/').map(stemOf)
    if (one === other) continue
    put(one, other)
    put(other, one)
  }
  return known
}

/** Prefixes that negate a word. */
const TURNING = new Set(['un', 'in', 'im', 'il', 'ir', 'dis', 'non', 'mis', 'de', 'anti', 'counter', 're'])
/** Pairs of prefixes that reverse a word when exchanged. */
const CHANGING: readonly (readonly [string, string])[] = [
  ['in', 'out'],
  ['in', 'ex'],
  ['im', 'ex'],
  ['up', 'down'],
  ['up', 'off'],
  ['over', 'under'],
  ['pre', 'post'],
  ['maxi', 'mini'],
  ['macro', 'micro'],
  ['inter', 'intra'],
  ['hyper', 'hypo'],
  ['pro', 'anti'],
  ['multi', 'single'],
  ['on', 'off'],
  ['fore', 'after'],
]
/** Suffixes of stems: `payee` has lost its last letter. */
const ENDINGS: readonly (readonly [string, string])[] = [
  ['ful', 'less'],
  ['', 'less'],
  ['er', 'e'],
  ['or', 'e'],
]

/** Tells whether two stems are opposites, by dictionary or by prefix and suffix. */
export function areOpposite(one: string, other: string): boolean {
  opposites ??= readOpposites()
  if (opposites.get(one)?.has(other)) return true
  const [short, long] = one.length <= other.length ? [one, other] : [other, one]
  // Short words often begin with a prefix by chance: `port` and `import`, `come` and `income`.
  if (short.length < 4) return false
  if (long.endsWith(short)) return TURNING.has(long.slice(0, -short.length))
  if (one.at(-1) === other.at(-1) && one.at(-2) === other.at(-2))
    return CHANGING.some(([a, b]) => swapped(one, other, a, b) || swapped(one, other, b, a))
  if (one[0] !== other[0] || one[1] !== other[1]) return false
  return ENDINGS.some(([a, b]) => ends(one, other, a, b) || ends(one, other, b, a))
}

const swapped = (one: string, other: string, a: string, b: string) =>
  one.startsWith(a) &&
  other.startsWith(b) &&
  one.length > a.length + 2 &&
  one.slice(a.length) === other.slice(b.length)

const ends = (one: string, other: string, a: string, b: string) =>
  one.endsWith(a) &&
  other.endsWith(b) &&
  one.length - a.length > 2 &&
  one.slice(0, one.length - a.length) === other.slice(0, other.length - b.length)

/** Opposites by which two people tell one event: `you sent me the wrong part`, `I received the wrong part`. */
const CONVERSE = new Set(
  'send/receive give/get give/receive sell/buy lend/borrow'
    .split(' ')
    .map((pair) => pair.split('/').map(stemOf).toSorted().join('/')),
)
const isConverse = (one: string, other: string) => CONVERSE.has([one, other].sort().join('/'))

/** Tells whether the one text says what `you` do to `me`, and the other what `I` do. */
const told = ({ stems: mine }: Question, { stems: theirs }: Question) =>
  mine.has('you') &&
  (mine.has('me') || mine.has('us')) &&
  !theirs.has('me') &&
  (theirs.has('i') || theirs.has('we'))

export const antonyms: Guard = (asked, cached) => {
  const mine: string[] = []
  for (const stem of asked.stems) if (!cached.stems.has(stem)) mine.push(stem)
  if (mine.length === 0) return undefined
  for (const stem of cached.stems) {
    if (asked.stems.has(stem)) continue
    for (const own of mine)
      if (areOpposite(own, stem) && !(isConverse(own, stem) && (told(asked, cached) || told(cached, asked))))
        return 'antonyms'
  }
  return undefined
}
