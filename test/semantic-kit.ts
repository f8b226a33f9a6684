import type { GatewayOptions, SemanticPolicy } from '@hotdash/llm-gateway'
import { embedder } from './semantic-embedder.ts'

export const options = (semantic: SemanticPolicy = {}, more: GatewayOptions = {}): GatewayOptions => ({
  policy: { cache: { semantic: { mode: 'on', threshold: 0.9, judge: false, ...semantic } } },
  cache: { semantic: { embedder } },
  ...more,
})

export const ORIGINAL = 'Do you ship the wooden chairs to Norway?'
export const REWORDED = 'Do you ship wooden chairs to Norway?'
