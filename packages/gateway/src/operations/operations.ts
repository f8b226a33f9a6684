import type { JsonObject } from '../core/json.ts'
import type { Operation } from '../core/operation.ts'
import { chat } from './chat.ts'
import { completions } from './completions.ts'
import { embeddings } from './embeddings.ts'
import type { OperationFacts } from './facts.ts'
import { responses } from './responses.ts'

/** The governed operations. All other requests pass through. `/chat/completions` also ends with `/completions`: it is first. */
export const OPERATIONS: Readonly<Record<Operation, OperationFacts>> = {
  chat,
  responses,
  embeddings,
  completions,
}

/** Returns whether upstream stores the answer, so that its id can be continued from. */
export const isStoredByDefault = (operation: Operation, { store }: JsonObject): boolean =>
  OPERATIONS[operation].storedUpstream === 'by-default' && store !== false
