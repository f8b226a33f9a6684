/** A name as a Redis hash tag: all of its keys are in one slot. What could end the tag, or be a glob, is written otherwise. */
export const hashTag = (name: string): string =>
  /^[\w.-]+$/.test(name) ? name : encodeURIComponent(name.toWellFormed()).replaceAll('*', '%2A') || '%'
