import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import type { Make } from './catalogue.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Returns letters and digits, each with 5.95 bits of chance. Safe in an address, a shell and a file of variables. */
const characters = (count: number): string =>
  Array.from({ length: count }, () => LETTERS[randomInt(LETTERS.length)]).join('')

const MAKERS: Record<Make, () => string> = {
  // LiteLLM accepts master keys that begin with sk- only. 32 characters in all.
  'sk-32': () => `sk-${characters(29)}`,
  // The prefix by which logs and answers mask team keys. 32 characters in all: 166 bits.
  'team-32': () => `gwk-${characters(28)}`,
  'team-43': () => `gwk-${randomBytes(32).toString('base64url')}`,
  'chars-24': () => characters(24),
  'chars-32': () => characters(32),
  'hex-32-bytes': () => randomBytes(32).toString('hex'),
  'base64-32-bytes': () => randomBytes(32).toString('base64'),
  'pk-lf': () => `pk-lf-${randomUUID()}`,
  'sk-lf': () => `sk-lf-${randomUUID()}`,
}

/** Makes a new secret from the operating system's random source. */
export const makeSecret = (make: Make): string => MAKERS[make]()
