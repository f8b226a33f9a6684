import type { Json } from '../core/json.ts'
import { copied } from './error-text.ts'
import { withoutSecrets } from './secrets.ts'

/** Removes sensitive parts of a text. */
export type Mask = (text: string) => string

/** Patterns of personal data. Names of persons have no pattern. */
const PERSONAL: [RegExp, string | ((found: string) => string)][] = [
  [/\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b/g, '<iban>'],
  [/\b(?:\d[ -]?){12,18}\d\b/g, (found) => (passesLuhn(found) ? '<card>' : found)],
  [/(?<![\w.])(?:\+|00)\d[\d ()./-]{6,22}\d\b/g, (found) => (hasDigits(found, 8, 17) ? '<phone>' : found)],
  [/(?<![\w.])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b/g, '<phone>'],
]

/** Removes keys, whatever an agent's `capture` says. */
export const maskSecrets: Mask = withoutSecrets

const EMAIL = /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g

/** Checked first: one UUID in a thousand has enough digits for a telephone number. */
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** Masks e-mail addresses, telephone and card numbers, and IBANs. */
export const maskPersonal: Mask = (text) => {
  if (UUID.test(text)) return text
  const rest = text.includes('@') ? text.replace(EMAIL, '<email>') : text
  return PERSONAL.reduce((text, [what, by]) => text.replace(what, by as string), rest)
}

function hasDigits(found: string, min: number, max: number): boolean {
  const { length } = found.replace(/\D/g, '')
  return length >= min && length <= max
}

function passesLuhn(found: string): boolean {
  const digits = found.replace(/\D/g, '')
  let sum = 0
  for (let at = 0; at < digits.length; at += 1) {
    const digit = Number(digits[digits.length - 1 - at])
    const weighted = at % 2 === 1 ? digit * 2 : digit
    sum += weighted > 9 ? weighted - 9 : weighted
  }
  return sum % 10 === 0
}

/** Longer texts are cut: traces do not need them, and receivers refuse them. */
const MAX_TEXT = 200_000
const MAX_DEPTH = 64
/** Images and sound embedded in the request. */
const DATA_URL = /^data:([\w/+.-]{1,80});base64,/
const BASE64 = /^[A-Za-z0-9+/]{512}/

/** Returns the same JSON with every text masked; binary data is replaced by a note of its size. */
export function maskJson(json: Json, mask: Mask, depth = 0): Json {
  if (typeof json === 'string') return maskText(json, mask)
  if (typeof json !== 'object' || json === null) return json
  if (depth > MAX_DEPTH) return '<nested too deeply>'
  if (Array.isArray(json)) return json.map((each) => maskJson(each, mask, depth + 1))
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [maskKey(key), maskJson(value, mask, depth + 1)]),
  )
}

/** Field names belong to the API, unless they look like data. The program's own mask is not applied to them. */
const maskKey = (key: string) => (/^[\w.-]{1,40}$/.test(key) ? key : maskPersonal(maskSecrets(key)))

export function maskText(text: string, mask: Mask): string {
  if (text.length > 512) {
    const [prefix, type] = DATA_URL.exec(text) ?? []
    if (prefix !== undefined) return copied(`<${type}, ${text.length - prefix.length} characters of base64>`)
    if (BASE64.test(text)) return `<${text.length} characters of base64>`
  }
  // Cut after masking: half an address is still an address. Only the first 2 × `MAX_TEXT` characters are masked.
  const masked = mask(text.length > 2 * MAX_TEXT ? text.slice(0, 2 * MAX_TEXT) : text)
  // PostgreSQL refuses a whole batch that holds half a surrogate pair.
  if (masked.length <= MAX_TEXT && text.length <= 2 * MAX_TEXT) return masked.toWellFormed()
  return `${copied(masked, MAX_TEXT).toWellFormed()}… <cut; ${text.length} characters in all>`
}
