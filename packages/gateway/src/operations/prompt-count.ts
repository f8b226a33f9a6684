import type { Json } from '../core/json.ts'

/** Returns the number of inputs of an operation of the kind `prompts`. A list of numbers is one input, in tokens. */
export const promptCount = (input: Json | undefined): number =>
  Array.isArray(input) && typeof input[0] !== 'number' ? input.length : 1
