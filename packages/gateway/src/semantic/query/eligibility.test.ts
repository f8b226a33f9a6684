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
  ['identifier', 'Does A7-X fit the pump?'],
  ['identifier', 'Tell me about ticket #12'],
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
])('%j may be asked by meaning', (question) => {
  expect(ineligibleReason(question)).toBeUndefined()
})

test('hostile questions take no longer than ordinary long ones', () => {
  for (const piece of ['please ', 'a1-', 'where ', '#', 'i want you to ', '10'])
    expect(ineligibleReason(piece.repeat(100_000 / piece.length))).not.toBe(null)
})
