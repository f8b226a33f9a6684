import type * as z from 'zod'

const TYPES: Record<string, string> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a text',
}
const FORMATS: Record<string, string> = {
  email: 'an e-mail address',
  url: 'an address that begins with https:// or http://',
}

/** Returns a line for each field that an issue is about: the field, and what is valid there. */
export function problemsIn(issue: z.core.$ZodIssue): string[] {
  const field = issue.path.join('.')
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `${field === '' ? '' : `${field}.`}${key}: unknown field`)
  return [`${field || 'the file'}: ${expectation(issue)}`]
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.message.startsWith('must be ')) return issue.message
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined && /received undefined/.test(issue.message)
        ? 'is missing'
        : `must be ${TYPES[issue.expected] ?? issue.expected}`
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array')
        return issue.minimum > 1
          ? `must have at least ${issue.minimum} ${issue.origin === 'string' ? 'characters' : 'items'}`
          : 'must not be empty'
      return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`
    case 'too_big':
      return `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`
    case 'invalid_format':
      return FORMATS[issue.format] === undefined ? issue.message : `must be ${FORMATS[issue.format]}`
    default:
      return issue.message
  }
}
