import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import {
  acknowledge,
  addSilence,
  readAcknowledgements,
  readSilences,
  removeSilence,
} from '../alerting/operator-store.ts'
import { openRedis, type RedisClient, serverNow, troubleOf } from '../alerting/redis.ts'
import { silences } from '../alerting/silence.ts'
import { readState } from '../alerting/state-store.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, requireRedisUrl } from '../cli/connection.ts'
import { counted } from '../cli/format.ts'
import { operatorName } from '../cli/operator.ts'
import { printFailure, printJson, printLine, printNote } from '../cli/output.ts'
import { runSubcommand } from '../cli/subcommand.ts'
import { printTable } from '../cli/table.ts'
import { UsageError } from '../core/command.ts'
import { parseDuration } from './duration.ts'
import { parseMatchers } from './matchers.ts'

export const summary = 'keeps alerts from being sent for a while, and acknowledges incidents'

export const help = `llm-gateway silence: ${summary}.

Usage: llm-gateway silence <subcommand> [options]

  add --match NAME=VALUE ... --for 2h    sends nothing about alerts to which all matchers apply
  list                                   lists silences in force, and open incidents
  remove ID                              ends a silence
  ack INCIDENT                           stops the reminders and the escalation of an incident; its id is in each mail

  --match NAME=VALUE   alert=latency, team=prod_ceo, target=langfuse; a * at the end matches any rest (may be repeated)
  --for DURATION       30m, 2h, 1d; 35d at most
  -m, --message TEXT   why, for the list
  --by NAME            who, for the list                    (user@host)
${CONNECTION_HELP}

A silence needs at least one matcher; "alert=*" silences everything. The recovery of an incident that was told is sent
in spite of a silence.

Examples:
  llm-gateway silence add --match alert=down --match target=langfuse --for 1h -m "upgrade of Langfuse"
  llm-gateway silence list
  llm-gateway silence ack error-rate-1x9k2f -m "OpenAI has an outage"
  llm-gateway silence remove 3f9a01c2

Exit codes: 0 done, 1 there is no such silence or incident, 2 usage error. Details: docs/monitoring.md`

type Values = {
  match: string[]
  for?: string | undefined
  message: string
  by?: string | undefined
  json: boolean
}

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      ...CONNECTION_OPTIONS,
      match: { type: 'string', multiple: true, default: [] },
      for: { type: 'string' },
      message: { type: 'string', short: 'm', default: '' },
      by: { type: 'string' },
    },
  })
  const connected = (work: (client: RedisClient, operand: string | undefined) => Promise<number>) => ({
    run: async (operand: string | undefined) => {
      const client = await openRedis(requireRedisUrl(values.redis))
      try {
        return await work(client, operand)
      } catch (error) {
        if (error instanceof UsageError) throw error
        throw new Error(`Redis cannot be used: ${troubleOf(client, error)}`, { cause: error })
      } finally {
        client.disconnect()
      }
    },
  })
  return await runSubcommand('silence', positionals, {
    add: connected((client) => add(client, values)),
    list: connected((client) => list(client, values)),
    remove: { takesOperand: true, ...connected((client, id) => remove(client, values, id)) },
    ack: { takesOperand: true, ...connected((client, id) => ack(client, values, id)) },
  })
}

async function add(
  client: RedisClient,
  { match, for: duration, message, by, json }: Values,
): Promise<number> {
  const [matchers, ms] = [parseMatchers(match), parseDuration(duration)]
  const createdAt = await serverNow(client)
  const id = randomBytes(4).toString('hex')
  const silence = { id, matchers, createdAt, until: createdAt + ms, by: operatorName(by), comment: message }
  await addSilence(client, silence)
  if (json) return printJson(silence)
  printNote(`Silence ${id} is in force until ${minuteOf(silence.until)}.`)
  const { state } = await readState(client)
  const open = Object.values(state.incidents)
  const matched = open.filter(({ members }) =>
    Object.values(members).some((alert) => silences(silence, alert, createdAt)),
  )
  if (open.length === 0) return 0
  return printNote(
    `It matches ${matched.length} of ${counted(open.length, 'open incident')}${matched.length === 0 ? '' : `: ${matched.map((incident) => incident.id).join(', ')}`}.`,
  )
}

/** Formats an instant for people. */
const minuteOf = (at: number) => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`

async function list(client: RedisClient, { json }: Values): Promise<number> {
  const now = await serverNow(client)
  const [inForce, { state }, acknowledged] = await Promise.all([
    readSilences(client, now),
    readState(client),
    readAcknowledgements(client),
  ])
  const incidents = Object.values(state.incidents)
  if (json)
    return printJson({
      silences: inForce,
      incidents: incidents.map((incident) => ({
        ...incident,
        acknowledged: acknowledged.get(incident.id) ?? null,
      })),
    })
  if (inForce.length > 0)
    printTable(
      ['silence', 'until', 'matches', 'by', 'why'].map((title) => ({ title })),
      inForce.map(({ id, matchers, until, by, comment }) => [
        id,
        minuteOf(until),
        Object.entries(matchers)
          .map(([name, value]) => `${name}=${value}`)
          .join(' '),
        by,
        comment,
      ]),
    )
  if (inForce.length > 0 && incidents.length > 0) printLine('')
  if (incidents.length > 0)
    printTable(
      ['incident', 'open since', 'state'].map((title) => ({ title })),
      incidents.map(({ id, openedAt }) => {
        const by = acknowledged.get(id)?.by
        return [id, minuteOf(openedAt), by === undefined ? 'not acknowledged' : `acknowledged by ${by}`]
      }),
    )
  if (inForce.length + incidents.length === 0) printNote('No silence is in force, and no incident is open.')
  return 0
}

async function remove(client: RedisClient, { json }: Values, id: string | undefined): Promise<number> {
  if (id === undefined)
    throw new UsageError('silence remove: which one? An id from: llm-gateway silence list')
  if (!(await removeSilence(client, id))) return printFailure(`There is no silence ${id}.`)
  return json ? printJson({ id, removed: true }) : printNote('Removed.')
}

async function ack(
  client: RedisClient,
  { by, message, json }: Values,
  id: string | undefined,
): Promise<number> {
  if (id === undefined)
    throw new UsageError('silence ack: which incident? Its id is in the subject of each mail.')
  const { state } = await readState(client)
  if (!Object.values(state.incidents).some((incident) => incident.id === id))
    return printFailure(`No incident ${id} is open. See: llm-gateway silence list`)
  const acknowledgement = {
    incident: id,
    at: await serverNow(client),
    by: operatorName(by),
    comment: message,
  }
  await acknowledge(client, acknowledgement)
  return json
    ? printJson(acknowledgement)
    : printNote(`Acknowledged: no reminder and no escalation of ${id}.`)
}
