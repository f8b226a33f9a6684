import { DeliveryError } from '../sink.ts'

/** What supabase-js gives back instead of throwing. `status` 0: no answer came. */
export type FailedResponse = {
  status: number
  error: { code?: string; message?: string }
}

/** SQLSTATE classes that speak of the values of a row: data exceptions, broken constraints, limits of a row's size. */
const ROW_ERROR = /^(22|23|54)[0-9A-Z]{3}$/
const TOO_LARGE = 413

/** True: one of the rows is at fault, and the others would be taken without it. */
export const isRowError = ({ status, error }: FailedResponse) =>
  (typeof error.code === 'string' && ROW_ERROR.test(error.code)) || status === TOO_LARGE

const MIGRATIONS = 'supabase/migrations of the gateway'

/** Everything else is not the fault of rows: they are kept until somebody, or time, has mended it. */
export function deliveryErrorFrom({ status, error }: FailedResponse, table: string): DeliveryError {
  return new DeliveryError(`${remedy(status, error.code, table) ?? plain(status)}${errorDetails(error)}`)
}

/** A status, a code and the beginning of what was said: no row, no address, and no key. */
export const errorDetails = ({ code, message }: FailedResponse['error']): string => {
  // PostgREST's, or that of whatever answered in its place.
  const said = [code, message].filter((part) => typeof part === 'string')
  const words = said
    .map((part) => part.replace(/\s+/g, ' ').slice(0, 160))
    .filter(Boolean)
    .join(': ')
  return words === '' ? '' : ` (${words})`
}

function remedy(status: number, code: string | undefined, table: string): string | undefined {
  if (code === '42P01' || code === 'PGRST205')
    return `there is no table ${table}: run ${MIGRATIONS}, llm_usage`
  if (code === '42703' || code === 'PGRST204')
    return `the table ${table} is older than this gateway: run the newest ${MIGRATIONS}`
  if (code === '42P10') return `request_id is not the primary key of ${table}: run ${MIGRATIONS}, llm_usage`
  if (code === '42501')
    return `the key may not write to ${table}: is it the secret key, and are the grants of ${MIGRATIONS}, llm_usage, there?`
  if (code === 'PGRST106') return "schema public is not among the Data API's schemas"
  if (status === 401 || status === 403) return `the key is not accepted: check SUPABASE_SECRET_KEY; ${status}`
  return undefined
}

const plain = (status: number) => (status === 0 ? 'no answer' : `HTTP ${status}`)
