import type { FakeRequest, Fault } from '@hotdash/llm-gateway-testing'
import type { Team, UNLIMITED } from './kit.ts'
import { RARE, type Rare, type RareKind } from './rare.ts'

/** What the fake says to a question, and what it charges. */
export type Said = { text: string; input: number; output: number; cached: number }
export type Trouble =
  | 'none'
  | 'busy'
  | 'cut'
  | 'end'
  | 'error-event'
  | 'malformed'
  | 'left'
  | 'reset'
  | 'timeout'
export type Kind =
  | 'chat'
  | 'stream'
  | 'told stream'
  | 'responses'
  | 'responses stream'
  | 'embedding'
  | RareKind
export type Asked = {
  content: string
  team: Team | typeof UNLIMITED.name
  agent: string
  kind: Kind
  model: string
  trouble: Trouble
  broken: number
  rare?: Rare
}

export const WORDS =
  'the order left on tuesday and should arrive before friday unless it rains all week'.split(' ')
export const USUAL: Kind[] = ['chat', 'stream', 'told stream', 'responses', 'responses stream', 'embedding']
export const KINDS: Kind[] = [...USUAL, ...USUAL, ...RARE]
export const BREAKS: Trouble[] = ['cut', 'end', 'error-event', 'malformed', 'left']

export function faultOf({ trouble, broken }: Asked): Fault | undefined {
  if (trouble === 'none') return undefined
  if (trouble === 'busy') return { type: 'status', status: 500, headers: { 'retry-after-ms': '1' } }
  if (trouble === 'reset') return { type: 'reset' }
  if (trouble === 'timeout') return { type: 'hang' }
  if (trouble === 'left') return { type: 'hang', after: 'headers' }
  return { type: trouble, afterChunks: broken }
}

export function saying({ content }: Asked, random: () => number): Said {
  const words = Array.from(
    { length: 8 + Math.floor(random() * 20) },
    () => WORDS[Math.floor(random() * WORDS.length)],
  )
  const input = 1 + Math.floor(random() * 5_000)
  return {
    text: words.join(' '),
    input: input + content.length,
    output: words.length + Math.floor(random() * 1_500),
    cached: random() < 0.3 ? Math.floor(random() * input) : 0,
  }
}

export const idIn = (text: string) => /<(?:one|two|three|unlimited) \d+>/.exec(text)?.[0]

export function askedIn({ text }: FakeRequest, asked: Map<string, Asked>): Asked {
  const call = asked.get(idIn(text) ?? '')
  if (call === undefined) throw new Error(`no call asks ${text}`)
  return call
}
