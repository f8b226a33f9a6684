import { errorText } from '../util/error-text.ts'
import type { SinkDeps } from './backend.ts'

/** Reports a sink's package that cannot be loaded when the gateway is built, not with its first delivery. */
export function warnIfUnusable(loading: Promise<unknown>, sink: string, warn: SinkDeps['warn']): void {
  loading.catch((error: unknown) => warn('GW_PACKAGE_UNUSABLE', `${sink}: ${errorText(error)}`, sink))
}
