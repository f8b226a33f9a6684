import { hostname, userInfo } from 'node:os'

/** Longest name that is recorded, in UTF-16 code units. */
const MAX_NAME_CHARS = 100

/** Returns the name recorded for a change: `by`, or `user@host`. */
export function operatorName(by: string | undefined): string {
  return (by ?? accountName()).slice(0, MAX_NAME_CHARS)
}

function accountName(): string {
  try {
    return `${userInfo().username}@${hostname()}`
  } catch {
    // The user of a container may have no entry in /etc/passwd.
    return hostname()
  }
}
