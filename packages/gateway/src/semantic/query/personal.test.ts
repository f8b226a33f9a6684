import { expect, test } from 'vitest'
import { ineligibleReason } from './eligibility.ts'
import { isImpersonal } from './personal-answer.ts'
import { plainText } from './plain-text.ts'

const lines = (text: string) => text.trim().split('\n')

const PERSONAL_QUESTIONS = lines(`
any update on the delivery
was I charged twice
WAS I CHARGED TWICE
has the package left the warehouse yet?
did my payment go through
Hi, I ordered brake pads last week and nothing came
we still haven't gotten the invoice
why is the refund taking so long
is the order on its way
I'm locked out
can you see if the payment went through
when's it coming
do you have the wiper blades in stock
is John's appointment confirmed
has anyone looked at the claim
where's the driver
what happened to the replacement you sent
the tracking says delivered but nothing here
did you guys get the return I mailed
they charged me for shipping
was the discount applied
could you check whether the transfer was completed
how much do I owe
wurde ich doppelt belastet?
wo ist mein Paket
hat das Paket das Lager schon verlassen?
¿dónde está mi pedido?
me han cobrado dos veces
où est ma commande ?
j’ai été facturé deux fois
any news?
is it here yet
did the technician leave
has Maria's order shipped
my brother's refund never came
I was told I'd get a call back
What is the status of the refund?
track my parcel
why haven't I received anything
It's been three weeks
am I still subscribed
Did the courier come by
w\u200bas I ch\u200barged twice
w\u034fas I charged\ufe0f twice
ｗａｓ Ｉ ｃｈａｒｇｅｄ twice
`)

test.each(PERSONAL_QUESTIONS)('not asked by meaning: %j', (question) => {
  expect(ineligibleReason(question)).toBeDefined()
})

test.each(
  lines(`
How long does shipping take?
How do I return a used part?
What should I do if my card is stolen?
If I was charged twice, what should I do?
Do I need an alignment after replacing the upper control arm?
How do I replace the left headlight bulb?
Will the cover fit a compact SUV?
What is the difference between ceramic and organic pads?
Can I pay with PayPal?
Who pays for return shipping?
What do I need to install a lift kit?
Are gift cards refundable?
Can I change the address on an order after placing it?
How do I track an order?
What does the warranty cover?
I want to know how returns work
I need help installing a fuel pump
Do you price match?
`),
)('asked by meaning: %j', (question) => {
  expect(ineligibleReason(question)).toBeUndefined()
})

test.each(
  lines(`
Hi Sofia, yes: your refund of $84.20 went to your card on 12 May.
hi maria, you can return it within 30 days
HELLO JOHN! The part fits.
Yes, we have two left in stock.
I've cancelled it for you.
Your package left our warehouse this morning.
You were charged once; the second entry is an authorization.
I don't know.
Could you tell me which model you have?
Tracking number 1Z999AA10123456784 shows delivered.
The price is $45 until June 3.
Order 58213 ships tomorrow.
We refunded the amount.
It should arrive by Thursday.
I'm sorry, I can't find any order under that email.
Thanks, Ben. The rotor is a direct fit.
Ihre Bestellung ist unterwegs.
Ja, wir haben es storniert.
Su pedido salió ayer.
Votre commande est partie.
The card ending in 4242 was declined.
Yes, it's on backorder at the moment.
You have 3 payments left.
Please provide your order number so I can help.
Your subscription ends on 4 March.
You're all set, the appointment is booked.
Your balance is $12.
It was delivered to your porch.
The driver left it with your neighbour.
Yes, the second charge was reversed.
No, it has not shipped.
`),
)('told to no other: %j', (answer) => {
  expect(isImpersonal(plainText(answer))).toBe(false)
  expect(isImpersonal(plainText(`Sure. ${answer}`))).toBe(false)
  expect(isImpersonal(plainText(answer.toUpperCase()))).toBe(false)
})

test.each(
  lines(`
You can return unused parts within 30 days of delivery. Start a return under Orders and drop the parcel at any post office.
Shipping within the US takes 3 to 5 business days. International orders take 7 to 14 days.
Yes, the pads fit the 2018 Civic with the 2.0 engine.
We accept Visa, Mastercard, PayPal and bank transfer.
To change your PIN, open Settings, choose Security and enter the old PIN first.
Gift cards cannot be refunded.
The warranty covers defects for two years. It does not cover wear.
No. Ceramic pads last longer than organic ones.
Yes! We ship to Norway; shipping costs $20.
If you were charged twice, contact support with the receipt. Is there anything else I can help you with?
Turn off the engine, lift the car and remove the wheel. Loosen the two caliper bolts with a 14 mm socket.
We refund the full price within 5 days after the return arrives. Hope that helps!
Remove the old bulb. Insert the new one until it clicks. Let me know if you have any questions.
We have a store in Berlin, open Monday to Friday from 9 to 18.
You can cancel a subscription at any time under Account > Plan.
Yes, you can change the address on an order within one hour after placing it.
`),
)('told to others: %j', (answer) => {
  expect(isImpersonal(plainText(answer))).toBe(true)
})

test('hostile questions and answers take a time that grows with their length, and no faster', () => {
  const took = (read: (text: string) => unknown, text: string) => {
    const before = process.cpuUsage()
    read(text)
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  for (const piece of [
    'i ',
    'the order ',
    'your order is ',
    'has the ',
    'my my ',
    'when ',
    'if i ',
    'any update ',
    "'s ",
    'a a ',
    '# ',
    '12 may ',
  ])
    for (const read of [ineligibleReason, (text: string) => isImpersonal(text)]) {
      const [short, long] = [2_000, 20_000].map((length) => piece.repeat(length / piece.length)) as [
        string,
        string,
      ]
      read(short)
      const shortest = Math.min(...[1, 2, 3].map(() => took(read, short)))
      expect(took(read, long)).toBeLessThan(100 * (shortest + 1_000))
    }
})
