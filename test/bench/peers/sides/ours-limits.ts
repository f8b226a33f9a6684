import type { Asker, Context } from '../worker.ts'
import { askerOf, policyWith } from './ours.ts'

/** Requests, tokens and dollars are limited for all processes together. */
export const create = async (context: Context): Promise<Asker> =>
  askerOf(context, {
    policy: policyWith(true, context.cap),
    redis: context.redis,
    cache: { exact: { localSeconds: 0 } },
  })
