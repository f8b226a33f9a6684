import type { Behaviours } from './agent.ts'
import { cache } from './cache.ts'
import { chat } from './chat.ts'
import { controls } from './controls.ts'
import { embeddings } from './embeddings.ts'
import { errors } from './errors.ts'
import { limits } from './limits.ts'
import { responses } from './responses.ts'
import { streams } from './streams.ts'
import { structured } from './structured.ts'
import { tools } from './tools.ts'

/** All that agents do, by what it is about. */
export const topics: Record<string, Behaviours> = {
  chat,
  streams,
  tools,
  'structured output': structured,
  Responses: responses,
  embeddings,
  'what is cached': cache,
  'cache controls': controls,
  errors,
  limits,
}
