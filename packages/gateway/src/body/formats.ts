import type { Operation } from '../core/operation.ts'
import { chat } from './chat.ts'
import { completions } from './completions.ts'
import type { Format } from './format.ts'
import { responses } from './responses.ts'

/** Embeddings are never streamed. */
export const formats: Record<Operation, Format | undefined> = {
  chat,
  responses,
  completions,
  embeddings: undefined,
}
