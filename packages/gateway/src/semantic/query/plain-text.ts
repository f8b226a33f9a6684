import { cleaned } from '../guards/spelling.ts'

/** Returns a text as the rules for personal texts read it: cleaned, with one kind of quotation mark, and blanks collapsed. */
export const plainText = (text: string): string =>
  cleaned(text).replace(/[“”„]/g, '"').replace(/\s+/g, ' ').trim()
