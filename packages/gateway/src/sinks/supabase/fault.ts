import { DeliveryError } from '../sink.ts'

/** What supabase-js returns instead of throwing. `status` 0: no answer. */
export type FailedResponse = {
  status: number
  error: { code?: string; message?: string }
}

/** SQLSTATE classes of errors in a row's values: data exceptions, constraint violations, row size limits. */
const ROW_ERROR = /^(22|23|54)[0-9A-Z]{3}$/
const TOO_LARGE = 413

/** Tells whether one row caused the error, so that the others can be written without it. */
export const isRowError = ({ status, error }: FailedResponse) =>
  (typeof error.code === 'string' && ROW_ERROR.test(error.code)) || status === TOO_LARGE

const MIGRATIONS = 'supabase/migrations of the gateway'

/** Builds the error for a failure that no row caused: rows are kept until it is fixed. */
export function deliveryErrorFrom({ status, error }: FailedResponse, table: string): DeliveryError {
  return new DeliveryError(`${remedy(status, error.code, table) ?? plain(status)}${errorDetails(error)}`)
}

/** Status, code and start of the message: no row, no address, no key. */
export const errorDetails = ({ code, message }: FailedResponse['error']): string => {
  // The message is PostgREST's, or that of a server in front of it.
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
