import type { Guard, Word } from './guard.ts'

/**
 * Kinds of things, of which a question usually means one: a row per kind, members separated by spaces, names of one
 * member by slashes. Two questions with different members of one row have different answers. In a row with `!`, naming
 * none also counts as different.
 */
const KINDS = `
gram/grams/g kilogram/kilograms/kilo/kilos/kg pound/pounds/lb/lbs ounce/ounces/oz ton/tons tonne/tonnes milligram/mg
millimeter/millimeters/millimetre/mm centimeter/centimeters/centimetre/cm meter/meters/metre/metres kilometer/kilometers/kilometre/kilometres/km inch/inches foot/feet/ft yard/yards mile/miles
milliliter/millilitre/ml liter/liters/litre/litres gallon/gallons pint/pints quart/quarts cup/cups teaspoon/teaspoons/tsp tablespoon/tablespoons/tbsp
celsius/centigrade fahrenheit kelvin
second/seconds/sec minute/minutes/min hour/hours/hr/hrs day/days week/weeks month/months quarter/quarters year/years/yr decade/decades
hourly daily weekly fortnightly/biweekly monthly quarterly yearly/annual/annually
watt/watts/w kilowatt/kilowatts/kw volt/volts/v amp/amps
kilobyte/kb megabyte/megabytes/mb gigabyte/gigabytes/gb terabyte/terabytes/tb
dollar/dollars/usd/bucks euro/euros/eur gbp/sterling yen/jpy rupee/rupees/inr franc/francs/chf yuan/cny/renminbi peso/pesos cad aud bitcoin/btc ethereum/eth
percent/percentage points
visa mastercard/maestro amex/discover paypal klarna venmo zelle stripe applepay googlepay cheque/check/checks/cheques cash wire/swift ach sepa
checking/chequing savings brokerage money-market
ira 401k roth traditional
email/mail/e-mail sms/text/texting phone/telephone/call chat whatsapp fax
iphone ipad android ios windows mac/macos/macbook linux chromebook
chrome firefox safari edge
phone/smartphone laptop/notebook tablet desktop/computer/pc tv/television watch printer camera headphones speaker monitor keyboard mouse
!basic standard premium/pro/professional plus enterprise starter/trial ultimate/ultra/max lite/mini
!express economy overnight priority
!bronze silver gold platinum diamond
economy business first-class
red orange yellow green blue purple/violet pink brown black white grey/gray beige turquoise
small/s medium/m large/l xs xl xxl
cotton wool leather silk polyester linen plastic metal wood/wooden glass steel ceramic
shirt/shirts/tshirt trousers/pants/jeans dress/dresses shoe/shoes/sneakers/boots jacket/jackets/coat/coats hat/hats/cap sock/socks skirt/skirts sweater/jumper/hoodie bag/bags belt/belts glove/gloves scarf
breakfast lunch dinner/supper
!mother/mom/mum father/dad sister brother son daughter wife husband grandmother grandfather aunt uncle
man/men/male/mens woman/women/female/womens/ladies child/children/kids/kid baby/babies/infant
dog/dogs/puppy cat/cats/kitten bird/birds fish horse/horses rabbit
stock/stocks/share/shares bond/bonds etf/etfs option/options future/futures crypto/cryptocurrency mutual
mortgage auto/car student personal
username password pin email address
courier pickup/collection
passport licence/license visa
breakage theft loss fire flood
refund replacement/exchange repair/repairs credit/voucher
deposit/deposits withdrawal/withdrawals/withdraw transfer/transfers payment/payments
invoice/invoices receipt/receipts quote/quotes
`
  .trim()
  .split('\n')

/** Rows of each word, and which member it is. */
const memberships = new Map<string, (readonly [kind: string, member: string])[]>()
for (const [at, row] of KINDS.entries())
  for (const member of row.replace('!', '').split(' '))
    for (const name of member.split('/')) {
      const known = memberships.get(name)
      const entry = [row.startsWith('!') ? `!${at}` : String(at), member] as const
      if (known === undefined) memberships.set(name, [entry])
      else known.push(entry)
    }

export const isUnit = (name: string): boolean => memberships.has(name)

/** Returns the members of each kind found in a text, sorted. */
export function unitsOf(words: readonly Word[]): Map<string, string> {
  const found = new Map<string, Set<string>>()
  for (const { text } of words) {
    // `30kg` and `30 kg` are equal.
    const unit = /^\d[\d.,]*([a-z]{1,7})$/.exec(text)?.[1] ?? text
    for (const [kind, member] of memberships.get(unit) ?? []) {
      const members = found.get(kind) ?? new Set<string>()
      found.set(kind, members.add(member))
    }
  }
  return new Map([...found].map(([kind, members]) => [kind, [...members].sort().join(' ')]))
}

/** `V` and `volts`: names of one unit. */
export const isSameUnit = (one: string, other: string): boolean =>
  (memberships.get(one) ?? []).some(([kind, member]) =>
    (memberships.get(other) ?? []).some(([otherKind, same]) => kind === otherKind && member === same),
  )

export const units: Guard = (asked, cached) =>
  clash(asked.units, cached.units) || clash(cached.units, asked.units) ? 'units' : undefined

function clash(mine: ReadonlyMap<string, string>, theirs: ReadonlyMap<string, string>): boolean {
  for (const [kind, members] of mine) {
    const others = theirs.get(kind)
    if (others === undefined ? kind.startsWith('!') : others !== members) return true
  }
  return false
}
