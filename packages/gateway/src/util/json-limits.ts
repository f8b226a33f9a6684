/**
 * Limits of a request body that the gateway parses. Beyond them `JSON.parse` and every walk of its result block the
 * event loop, or overflow the stack. Far above OpenAI's own limits: 128 tools of 100 parameters have 40,000 members.
 */
export const LIMITS = {
  chars: 64 * 1024 * 1024,
  depth: 256,
  members: 100_000,
  containers: 100_000,
  values: 1_000_000,
} as const

export type Excess = keyof typeof LIMITS

/** Scans a JSON text once, without building values. @returns the exceeded limit, if any. */
export function excessOf(source: string): Excess | undefined {
  if (source.length > LIMITS.chars) return 'chars'
  // A level needs two characters, a member four: short texts, and those of few brackets, are within the limits.
  if (source.length <= 2 * LIMITS.depth) return undefined
  if (source.length < 4 * LIMITS.members && brackets(source, LIMITS.depth) <= LIMITS.depth) return undefined
  return measured(source)
}

/** Whether a text longer than `chars` has more parts than are built for its sake: its own reader has to build them, too. */
export const isUnwieldy = (source: string, chars: number): boolean =>
  source.length > chars && excessOf(source) !== undefined

/** Counts opening brackets up to a little above `limit`, those inside strings included. */
function brackets(source: string, limit: number): number {
  let count = 0
  for (const bracket of ['{', '['])
    for (let at = source.indexOf(bracket); at !== -1 && count <= limit; at = source.indexOf(bracket, at + 1))
      count += 1
  return count
}

function measured(source: string): Excess | undefined {
  let depth = 0
  let members = 0
  let containers = 0
  let values = 0
  for (let at = 0; at < source.length; at += 1) {
    const code = source.charCodeAt(at)
    if (code === QUOTE) at = closingQuote(source, at)
    else if (code === COLON) {
      members += 1
      if (members > LIMITS.members) return 'members'
    } else if (code === COMMA) {
      values += 1
      if (values > LIMITS.values) return 'values'
    } else if (code === OBJECT || code === ARRAY) {
      depth += 1
      containers += 1
      if (depth > LIMITS.depth) return 'depth'
      if (containers > LIMITS.containers) return 'containers'
    } else if (code === OBJECT_END || code === ARRAY_END) depth -= 1
  }
  return undefined
}

/** Returns the end of a string; of an unterminated one, the end of the text. */
export function closingQuote(source: string, quote: number): number {
  for (let at = quote + 1; ; ) {
    const end = source.indexOf('"', at)
    if (end === -1) return source.length
    let before = end - 1
    while (source.charCodeAt(before) === BACKSLASH) before -= 1
    if ((end - 1 - before) % 2 === 0) return end
    at = end + 1
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OBJECT = 0x7b
const OBJECT_END = 0x7d
const ARRAY = 0x5b
const ARRAY_END = 0x5d
