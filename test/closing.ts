import { onTestFinished } from 'vitest'

/** Closes something at the end of the test, last first. Files share this module, so a hook of it would be one file's. */
export const closeLater = (close: () => unknown) => onTestFinished(async () => void (await close()))

/** Returns a thing that the end of the test closes. */
export const opened = <T extends { close: () => unknown }>(thing: T): T => {
  closeLater(() => thing.close())
  return thing
}
