import { type Json, list, object, text } from '../../core/json.ts'

/** Returns the text of a message's content: a string, or parts. */
export function contentText(content: Json | undefined): string {
  return typeof content === 'string'
    ? content
    : list(content)
        .map((part) => text(object(part).text))
        .join(' ')
}
