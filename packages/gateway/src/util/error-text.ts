/** Longest text taken from a foreign error, in characters. */
const MAX_WORDS = 200

/**
 * Describes a thrown value for logs and records. Never throws: the value may be `undefined`, of a foreign class, or
 * have getters and a `toString` that throw.
 */
export function errorText(error: unknown): string {
  try {
    if (typeof error === 'string') return clip(error)
    if (typeof error !== 'object' || error === null) return typeof error
    const { name, message, cause } = error as { name?: unknown; message?: unknown; cause?: unknown }
    const code = codeOf(error) ?? codeOf(cause)
    const words = [name, message].filter((word) => typeof word === 'string' && word !== '')
    if (words.length === 0) return 'an object that is no Error'
    return clip(`${words.join(': ')}${code === undefined ? '' : ` (${code})`}`)
  } catch {
    return 'an error that cannot be read'
  }
}

/** `instanceof` for a thrown value. Returns `false` for values that throw when they are inspected. */
export function isInstance<T>(error: unknown, type: abstract new (...args: never[]) => T): error is T {
  try {
    return error instanceof type
  } catch {
    return false
  }
}

/** Returns the `message` of an Error; '' where it has no text. Never throws. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error && typeof error.message === 'string' ? error.message : ''
  } catch {
    return ''
  }
}

/** Returns the `code` of a system error, e.g. `ECONNREFUSED`; `undefined` for values without one. Never throws. */
export function codeOf(error: unknown): string | undefined {
  try {
    const code: unknown =
      typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
    return typeof code === 'string' ? clip(code) : typeof code === 'number' ? `${code}` : undefined
  } catch {
    return undefined
  }
}

const clip = (text: string) => (text.length > MAX_WORDS ? copied(text, MAX_WORDS) : text)

/**
 * Copies the beginning of a text into memory of its own: a result of `slice` or concatenation keeps the whole
 * original text alive.
 */
export const copied = (text: string, length = text.length): string =>
  Buffer.from(text.slice(0, length), 'utf16le').toString('utf16le')
