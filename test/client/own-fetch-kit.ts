import { completion } from './upstream.ts'

export const gateway = { agent: 'a', policy: {}, redis: false } as const
export const text = JSON.stringify(completion('hello'))
export const JSON_TYPE = { 'content-type': 'application/json' }
