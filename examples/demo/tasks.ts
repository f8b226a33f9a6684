/** HotDash's nine production agents, as the shipped policy names them. */
export const AGENTS = [
  'ai-customer',
  'support',
  'ceo-insights',
  'ai-knowledge',
  'analytics',
  'inventory',
  'seo',
  'ads',
  'content',
] as const
export type Agent = (typeof AGENTS)[number]

/** What an agent wants to know; not who pays, who answers, or whether somebody has answered before. */
export type Task =
  | { kind: 'chat'; system: string; question: string }
  | { kind: 'tools'; system: string; question: string }
  | { kind: 'report'; document: string; question: string }
  | { kind: 'structured'; question: string }
  | { kind: 'responses'; instructions: string; input: string }
  | { kind: 'embeddings'; texts: string[] }

export type Tokens = { model: string; input: number; cached: number; output: number }
/** One entry of `used` for each call that was answered. */
export type Work = { text: string; used: Tokens[] }

export const MAX_OUTPUT = 400
export const EMBEDDINGS = 'text-embedding-3-large'
