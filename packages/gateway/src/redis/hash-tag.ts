/**
 * Encodes a name as a Redis hash tag, so that all its keys are in one slot. Escapes characters that could end the tag
 * or form a glob.
 */
export const hashTag = (name: string): string =>
  /^[\w.-]+$/.test(name) ? name : encodeURIComponent(name.toWellFormed()).replaceAll('*', '%2A') || '%'
