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

/** Content of a request, without caller, model or cache controls. */
export type Task =
  | { kind: 'chat'; system: string; question: string }
  | { kind: 'tools'; system: string; question: string }
  | { kind: 'report'; document: string; question: string }
  | { kind: 'structured'; question: string }
  | { kind: 'responses'; instructions: string; input: string }
  | { kind: 'embeddings'; texts: string[] }

export type Tokens = { model: string; input: number; cached: number; output: number }
/** `used` has one entry per answered call. */
export type Work = { text: string; used: Tokens[] }

export const MAX_OUTPUT = 400
export const EMBEDDINGS = 'text-embedding-3-large'
