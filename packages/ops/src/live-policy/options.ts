import { CONNECTION_HELP, CONNECTION_OPTIONS } from '../cli/connection.ts'

/** Options of commands that change the live policy, for `parseArgs`. */
export const CHANGE_OPTIONS = {
  ...CONNECTION_OPTIONS,
  yes: { type: 'boolean', short: 'y', default: false },
  'dry-run': { type: 'boolean', default: false },
  comment: { type: 'string', short: 'm' },
  by: { type: 'string' },
} as const

export const CHANGE_HELP = `${CONNECTION_HELP}
  --dry-run        shows what would change, and changes nothing
  --yes, -y        does not ask for confirmation; required where there is no terminal
  --comment, -m    why, for the history
  --by NAME        who, for the history                    (user@host)`

/** Values of `CHANGE_OPTIONS`. */
export type ChangeOptions = {
  redis?: string | undefined
  json: boolean
  yes: boolean
  'dry-run': boolean
  comment?: string | undefined
  by?: string | undefined
}
