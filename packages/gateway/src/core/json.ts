/** Readers for untrusted JSON: a value that is missing or of another type reads as empty. */

export const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : [])

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const object = (value: Json | undefined): JsonObject => (isObject(value) ? value : {})

export const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

export const isSet = (value: Json | undefined): value is Exclude<Json, null> =>
  value !== undefined && value !== null

/** Returns `undefined` for anything but a JSON object. */
export function parseObject(source: string): JsonObject | undefined {
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch {
    return undefined
  }
  return isObject(value) ? value : undefined
}

export type Json = null | boolean | number | string | Json[] | JsonObject

export type JsonObject = { [key: string]: Json }
