import { resolve } from 'node:path'

/** Tells whether two paths, as written on the command line, name one file. `undefined` names none. */
export const isOneFile = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && other !== undefined && resolve(one) === resolve(other)
