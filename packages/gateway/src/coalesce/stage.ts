import { foreignView } from '../body/foreign-view.ts'
import type { Call, Handler, Stage } from '../core/call.ts'
import { withoutResponse } from '../core/recording.ts'
import type { Reply } from '../core/reply.ts'
import { NO_USAGE } from '../core/usage.ts'
import { type AccountParts, credentialsOf } from '../fingerprint/headers.ts'
import { detached, type Fault } from '../util/faults.ts'
import { keepsRequestsApart } from '../util/runtime.ts'
import { raceAbort } from '../util/timeout.ts'

type Participant = object

/** One upstream call with all callers that wait for it or read from it. */
type Flight = {
  /** The flight's own signal: no caller's abort reaches upstream while another wants the answer. */
  controller: AbortController
  reply: Promise<Reply>
  arrived: Reply | undefined
  participants: Set<Participant>
  /** Caller whose record holds the cost: the first one that had not left when the answer began. */
  owner: Participant | undefined
  /** Credentials of the leader: a follower with others does not inherit errors about these. */
  leader: AccountParts & Pick<Call, 'state'> & { team: string }
  tellsUsage: boolean
  /** True if upstream was asked for a stream. */
  streams: boolean
  /** Closes the flight to new callers. */
  forget: () => void
}

/**
 * Lets identical concurrent calls share one upstream call (single flight). A caller that leaves affects no other; the
 * last one to leave cancels it. Where requests are kept apart, each call asks upstream itself.
 */
export function coalesce(fault: Fault): Stage {
  const flights = new Map<string, Flight>()
  const joins = keepsRequestsApart() ? 0 : 2

  return (next) => {
    /** @param joins Number of flights to join before asking upstream alone; each may fail for reasons of its leader. */
    async function ask(call: Call, joins: number): Promise<Reply> {
      const flight = joins > 0 ? joinable(flights, call) : undefined
      const participant: Participant = {}
      if (flight === undefined) {
        const own = startFlight(flights, next, call, fault)
        try {
          return (await joinFlight(own, participant, call)) ?? (await own.reply)
        } catch (error) {
          own.forget()
          throw error
        }
      }
      const reply = await joinFlight(flight, participant, call)
      if (reply === undefined) return await ask(call, 0)
      if (!isLeaderOnlyFailure(reply, flight, call)) return reply
      flight.participants.delete(participant)
      return await ask(call, joins - 1)
    }

    return async function coalesce(call) {
      return await ask(call, joins)
    }
  }
}

function joinable(flights: Map<string, Flight>, { flight: key, view }: Call): Flight | undefined {
  const flight = key === undefined ? undefined : flights.get(key)
  if (flight === undefined || flight.controller.signal.aborted) return undefined
  if (flight.arrived?.recording.joinable() === false) return undefined
  return view.stream && view.includeUsage && !flight.tellsUsage ? undefined : flight
}

function startFlight(flights: Map<string, Flight>, next: Handler, call: Call, fault: Fault): Flight {
  const controller = new AbortController()
  const key = call.flight
  const forget = () => {
    if (key !== undefined && flights.get(key) === flight) flights.delete(key)
  }
  const flight: Flight = {
    controller,
    forget,
    reply: next({ ...call, signal: controller.signal }),
    arrived: undefined,
    participants: new Set(),
    owner: undefined,
    leader: { teamKey: call.teamKey, outbound: call.outbound, team: call.caller.team, state: call.state },
    streams: call.view.stream,
    tellsUsage: !call.view.stream || call.view.includeUsage || call.outbound.injectUsage,
  }
  if (key !== undefined && !flights.has(key)) flights.set(key, flight)
  controller.signal.addEventListener('abort', forget, { once: true })
  const arrival = flight.reply.then((reply) => {
    flight.arrived = reply
    // An answer from elsewhere, or an error, is not going to be stored: the flight is over.
    if (reply.via !== 'upstream' || reply.recording.status !== 200) forget()
  }, forget)
  detached(arrival, fault, 'a shared call')
  return flight
}

/**
 * Waits for the answer to begin, and returns a reply whose recording notices when the caller leaves. `undefined`: the
 * answer exists only in a form (stream or whole) that this caller did not request.
 */
async function joinFlight(flight: Flight, participant: Participant, call: Call): Promise<Reply | undefined> {
  flight.participants.add(participant)
  flight.owner ??= participant
  const isOwner = () => flight.owner === participant
  let reply: Reply
  try {
    reply = await raceAbort(flight.reply, call.signal)
    if (!isOwner() && flight.streams !== call.view.stream && reply.recording.convertible !== undefined) {
      if (!(await raceAbort(reply.recording.convertible(), call.signal))) {
        leave(flight, participant)
        return undefined
      }
    }
  } catch (reason) {
    if (!call.signal.aborted) throw reason
    leave(flight, participant)
    const ended = flight.reply.then(
      (reply) => reply.recording.ended,
      (error: unknown) => ({ type: 'failed', usage: NO_USAGE, error }) as const,
    )
    const recording = withoutResponse(reason, ended)
    return { via: isOwner() ? 'upstream' : 'flight', model: call.model, route: call.route, recording }
  }
  const { recording } = reply
  const onStored = (kept: boolean | Promise<boolean>) => {
    flight.forget()
    reply.onStored?.(kept)
  }
  const isForeign = !isOwner() && isAnotherAccount(flight, call)
  return {
    ...reply,
    ...(isOwner() ? { onStored } : { via: 'flight' }),
    ...(isForeign && { headers: {} }),
    recording: {
      ...recording,
      open(view, left) {
        const own = isOwner() ? view : { ...view, follows: true as const }
        const response = recording.open(own, (early) => {
          leave(flight, participant)
          left(early)
        })
        return isForeign ? response.then(foreignView) : response
      },
    },
  }
}

function leave(flight: Flight, participant: Participant): void {
  if (!flight.participants.delete(participant)) return
  const [nextOwner] = flight.participants
  if (nextOwner === undefined) {
    const recording = flight.arrived?.recording
    if (recording === undefined) flight.controller.abort()
    else if (!recording.isOver()) flight.forget()
    recording?.cancelIfUnread()
  } else if (flight.arrived === undefined && flight.owner === participant) flight.owner = nextOwner
}

/** Statuses about an account: its key, its credit, its permissions, its rate. */
const ACCOUNT_STATUSES = new Set([401, 402, 403, 404, 429])

/** Whether a failure concerns the leader alone: a refusal, or an upstream error about its credentials. */
function isLeaderOnlyFailure(reply: Reply, flight: Flight, call: Call): boolean {
  if (call.signal.aborted) return false
  const arrived = flight.arrived
  const { state } = flight.leader
  // A fault ended the leader's call before it left.
  if (state.barred && state !== call.state && arrived?.recording.status === undefined) return true
  if (reply.via === 'upstream') return false
  if (arrived?.via === 'refused') return true
  const status = arrived?.recording.status
  return (
    status !== undefined &&
    ACCOUNT_STATUSES.has(status) &&
    credentialsOf(flight.leader) !== credentialsOf(call)
  )
}

/** Accounts and teams share a flight only where the policy allows it; elsewhere both are part of the flight's name. */
function isAnotherAccount({ leader }: Flight, call: Call): boolean {
  const { accountsShare, crossTeamCache: shared, team } = call.caller
  if (!accountsShare && !shared) return false
  return leader.team !== team || credentialsOf(leader) !== credentialsOf(call)
}
