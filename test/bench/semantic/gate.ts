import { ineligibleReason } from '#src/semantic/query/eligibility.ts'
import { extractQuery } from '#src/semantic/query/extract.ts'

/** Tells whether the gateway looks a question up by meaning, if it is the only turn of a chat. */
export function isEligible(question: string): boolean {
  const query = extractQuery('chat', { messages: [{ role: 'user', content: question }] })
  return typeof query !== 'string' && ineligibleReason(query.text) === undefined
}
