import { expect, test } from 'vitest'
import { ineligibleReason } from './eligibility.ts'

test.each([
  ['personal', 'Can I log in with ann@example.org?'],
  ['personal', 'Is +49 170 1234567 the right number?'],
  ['personal', 'Where is my order?'],
  ['personal', 'Why was my card declined?'],
  ['personal', 'How much is on my account?'],
  ['personal', 'Hi, when does our contract end?'],
  ['identifier', 'What is the status of order 12345?'],
  ['identifier', 'What is A7-X?'],
  ['identifier', 'Tell me about ticket #12'],
  ['identifier', 'Does my order 12345 fit in a box?'],
  ['identifier', 'Is tracking number 1Z999AA10123456784 for the part?'],
  ['identifier', 'Which part is on invoice INV-2231?'],
  ['identifier', 'Was order #881 shipped?'],
  ['identifier', 'Is parcel 00340434161094042557 the replacement?'],
  ['identifier', 'Does 00340434161094042557 fit?'],
  ['identifier', 'Can a replacement be sent for ticket 4471?'],
  ['identifier', 'Do you remember 48213?'],
  ['time-bound', 'Are you open today?'],
  ['time-bound', 'What is the latest price of gold?'],
  ['time-bound', 'Is there a sale this weekend?'],
  ['time-bound', 'Do you deliver at 10:30?'],
  ['action', 'Cancel my subscription'],
  ['action', 'Could you please refund the shoes?'],
  ['action', 'Please, go ahead and delete the account'],
])('%s: %j', (reason, question) => {
  expect(ineligibleReason(question)).toBe(reason)
})

test.each([
  'How do I cancel a subscription?',
  'How can I change my PIN?',
  'What is your refund policy?',
  'Do you ship to Norway?',
  'Can I return shoes that I have worn once?',
  'Which payment methods do you accept?',
  'Is the 10kg bag suitable for puppies?',
  'What happens if a parcel is lost?',
  'Can you explain how the warranty works?',
  'Does this carburetor fit a 1969 Camaro?',
  "Do these headers fit a '18 Civic?",
  'Do you have brake pads for a 2018 Silverado 1500?',
  'Do you sell mirrors for 2015-2018 F-150 trucks?',
  'Is there a radiator for MY18 Accords?',
  'Does AC-2200 fit a Tahoe?',
  'Is 90915-10003 compatible with a Corolla?',
  'Do you have part 7448 in chrome?',
  'Is part #7448 the same as FL820S?',
])('%j may be asked by meaning', (question) => {
  expect(ineligibleReason(question)).toBeUndefined()
})

test('hostile questions take no longer than ordinary long ones', () => {
  for (const piece of ['please ', 'a1-', 'where ', '#', 'i want you to ', '10'])
    expect(ineligibleReason(piece.repeat(100_000 / piece.length))).not.toBe(null)
})
