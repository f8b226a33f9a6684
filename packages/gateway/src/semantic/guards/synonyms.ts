import { stemOf } from './words.ts'

/**
 * Everyday words that are interchangeable in any question, a row per meaning. A missing row costs a hit; a wrong row
 * serves a wrong answer, so words equivalent in some trades only are not listed.
 */
const ROWS = `
buy purchase order
parcel package shipment
shop store
item product article
goods merchandise
website site webpage
money cash funds
phone telephone
mobile cellphone
photo picture image
car automobile vehicle
film movie
song tune
email e-mail
password passcode
voucher coupon promo promotional
customer client
annual yearly annually
company firm
type kind sort
way method manner
amount sum
extra additional
several multiple
wrong incorrect
right correct
real actual genuine
broken defective faulty
damaged harmed
late delayed overdue
quick fast rapid
begin start commence
end finish
stop halt
buy purchase
speak talk
choose select pick
alter change modify update edit switch
fix repair mend
receive obtain
get receive
arrive come
deliver ship dispatch
mail post
find locate
see view
search seek
check verify
verify confirm
register enrol enroll
login sign log
erase delete remove
allow permit
let allow
accept take
decline reject refuse
own possess
live reside
believe think
occur happen
require need
request ask
respond reply answer
assist help aid
offer provide
combine merge
collect gather
assemble build
create make
increase raise
decrease reduce lower
calculate compute
big large
small little
cheap inexpensive
expensive costly
happy glad
job work
child kid
doctor physician
definition meaning
detail information info
reason cause
procedure process
error mistake
problem issue trouble difficulty
rule regulation policy
cost price
fee charge
bill invoice
refund reimbursement reimburse
guarantee warranty
instalment installment
abroad overseas
nearby near close
location place
town city
address residence
house home
holiday vacation
person human
everybody everyone all
limit maximum cap
again anew
another different other
twice double
enough sufficient
possible feasible
still yet
maybe perhaps
worn used
recognise recognize
organise organize
cancel cancelled
colour color
centre center
jewellery jewelry
programme program
cheque check
grey gray
tyre tire
`
  .trim()
  .split('\n')

const rowsOf = new Map<string, Set<number>>()
for (const [row, words] of ROWS.entries())
  for (const word of words.split(' ')) {
    const stem = stemOf(word)
    const known = rowsOf.get(stem)
    if (known === undefined) rowsOf.set(stem, new Set([row]))
    else known.add(row)
  }

/** Endings that change the part of speech and keep the meaning. */
const ENDINGS = new Set([
  '',
  'e',
  'i',
  'y',
  'al',
  'ment',
  'ion',
  'ation',
  'ition',
  'ication',
  'fication',
  'ing',
  'ed',
  'ity',
  'ness',
  'abl',
  'ibl',
  'li',
  'ly',
  'anc',
  'enc',
  'ur',
  'ing',
  'iv',
  'ativ',
  'or',
  'er',
  'ili',
  't',
  's',
])

/** Tells whether two stems are forms of one word, or synonyms. */
export function areAlike(one: string, other: string): boolean {
  if (one === other) return true
  const rows = rowsOf.get(one)
  if (rows !== undefined) for (const row of rowsOf.get(other) ?? []) if (rows.has(row)) return true
  let same = 0
  while (same < one.length && one[same] === other[same]) same += 1
  if (
    same >= 3 &&
    ENDINGS.has(one.slice(same)) &&
    ENDINGS.has(other.slice(same)) &&
    same >= Math.min(one.length, other.length) - 2
  )
    return same > 3 || Math.min(one.length, other.length) === 3
  return isSlip(one, other)
}

/** Tells whether two long words differ by one typing error: a letter added, missing or changed, or two exchanged. */
function isSlip(one: string, other: string): boolean {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one]
  if (short.length < 6 || long.length - short.length > 1) return false
  let from = 0
  while (from < short.length && short[from] === long[from]) from += 1
  let left = short.length
  let leftLong = long.length
  while (left > from && short[left - 1] === long[leftLong - 1]) {
    left -= 1
    leftLong -= 1
  }
  if (left - from <= 1 && leftLong - from <= 1) return long.length > short.length || short.length > 7
  return (
    left - from === 2 &&
    leftLong - from === 2 &&
    short[from] === long[from + 1] &&
    short[from + 1] === long[from]
  )
}
