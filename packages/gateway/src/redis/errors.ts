import { errorText, isInstance } from '../util/error-text.ts'

/** Whether Redis replied with this error. Compared by name: the program's ioredis may be another copy. */
export const isReply = (error: unknown): error is Error =>
  isInstance(error, Error) && error.name === 'ReplyError'

/** Whether a key holds another type than the command is for: another program has written there. */
export const isWrongType = (error: unknown): boolean =>
  isInstance(error, Error) && error.message.startsWith('WRONGTYPE')

/** Returns message and code of an error, at most 200 characters. */
export function describeError(error: unknown): string {
  if (!isInstance(error, Error) || typeof error.message !== 'string') return errorText(error)
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
  return `${error.message || error.name}${code}`.slice(0, 200)
}
