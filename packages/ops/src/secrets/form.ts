/** What an address of a secret is of. */
export type AddressOf = 'redis' | 'postgresql' | 'smtp'

const FORMS: Record<AddressOf, { scheme: RegExp; example: string }> = {
  redis: { scheme: /^rediss?:\/\//, example: 'redis://default:PASSWORD@HOST:6379' },
  postgresql: {
    scheme: /^postgres(ql)?:\/\//,
    example: 'postgresql://postgres:PASSWORD@db.PROJECT.supabase.co:5432/postgres',
  },
  smtp: { scheme: /^smtps?:\/\//, example: 'smtps://USER:PASSWORD@HOST' },
}

/** Characters that end a password early: each program that reads the address would look for its host in the rest. */
const ENCODE =
  'In a user name and a password, write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25.'

/**
 * Returns what is wrong with the form of a secret, and what to do, or `undefined`. Names no part of the value.
 *
 * @param address absent: the secret is no address
 */
export function formProblem(name: string, address: AddressOf | undefined, value: string): string | undefined {
  if (/\s/.test(value)) return 'the value has a space in it.'
  if (/\p{C}/u.test(value)) return 'the value has a control character in it, or another one that is not seen.'
  if (/\[[A-Z-]*PASSWORD\]/i.test(value))
    return 'the value has a placeholder in it: write the password in its place.'
  if (name === 'SUPABASE_SECRET_KEY' && value.startsWith('sb_publishable_'))
    return 'this is the publishable key. The secret key begins with sb_secret_.'
  if (address === undefined) return undefined
  const { scheme, example } = FORMS[address]
  if (!scheme.test(value)) return `the value must be an address such as ${example}.`
  const rest = value.slice(value.indexOf('//') + 2)
  const [authority = ''] = rest.split(/[/?#]/, 1)
  const login = authority.slice(0, Math.max(0, authority.lastIndexOf('@')))
  const isCut = !authority.includes('@') && /@/.test(rest.split('?', 1)[0] ?? '')
  if (isCut || /@|:.*:|%(?![\da-f]{2})/i.test(login))
    return `the login in this address is not encoded. ${ENCODE}`
  if (address === 'postgresql' && authority.endsWith(':6543'))
    return 'this is the transaction pooler (6543). Migrations need the direct connection, port 5432.'
  return undefined
}
