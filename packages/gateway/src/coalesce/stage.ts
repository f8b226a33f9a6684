import { nothing } from '../account/meter.ts'
import { foreignView } from '../body/foreign.ts'
import { withoutResponse } from '../body/recording.ts'
import { type Borne, shownBy } from '../cache/headers.ts'
import type { Call, Handler, Reply, Stage } from '../call.ts'
import { detached, type Fault } from '../faults.ts'
import { whileWanted } from '../wait.ts'

type Seat = object

/** One upstream call and everybody who waits for it or reads from it. */
type Flight = {
  /** The flight's own: no caller's abort reaches upstream while another wants the answer. */
  controller: AbortController
  reply: Promise<Reply>
  arrived: Reply | undefined
  seats: Set<Seat>
  /** In whose record the cost belongs: the first one aboard who had not left when the answer began. */
  payer: Seat | undefined
  /** Its leader's: a follower with other credentials does not inherit trouble with these. */
  leader: Borne & Pick<Call, 'origin'> & { team: string }
  tellsUsage: boolean
  /** Upstream was asked for a stream. */
  streams: boolean
  /** Nobody joins any more. */
  forget: () => void
}

/** N identical calls at one time make one upstream call; one leaving harms nobody, the last to leave cancels it. */
export function coalesce(fault: Fault): Stage {
  const flights = new Map<string, Flight>()

  return (next) => {
    /** After `joins` flights that failed for reasons of their leaders', a caller asks for itself. */
    async function ask(call: Call, joins: number): Promise<Reply> {
      const flight = joins > 0 ? joinable(flights, call) : undefined
      const seat: Seat = {}
      if (flight === undefined) {
        const own = depart(flights, next, call, fault)
        try {
          return (await ride(own, seat, call)) ?? (await own.reply)
        } catch (error) {
          own.forget()
          throw error
        }
      }
      const reply = await ride(flight, seat, call)
      if (reply === undefined) return await ask(call, 0)
      if (!concernsOnlyTheLeader(reply, flight, call)) return reply
      flight.seats.delete(seat)
      return await ask(call, joins - 1)
    }

    return async function coalesce(call) {
      return await ask(call, 2)
    }
  }
}

function joinable(flights: Map<string, Flight>, { flight: key, view }: Call): Flight | undefined {
  const flight = key === undefined ? undefined : flights.get(key)
  if (flight === undefined || flight.controller.signal.aborted) return undefined
  if (flight.arrived?.recording.joinable() === false) return undefined
  return view.stream && view.includeUsage && !flight.tellsUsage ? undefined : flight
}

function depart(flights: Map<string, Flight>, next: Handler, call: Call, fault: Fault): Flight {
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
    seats: new Set(),
    payer: undefined,
    leader: { teamKey: call.teamKey, outgoing: call.outgoing, team: call.caller.team, origin: call.origin },
    streams: call.view.stream,
    tellsUsage: !call.view.stream || call.view.includeUsage || call.outgoing.injectUsage,
  }
  if (key !== undefined && !flights.has(key)) flights.set(key, flight)
  controller.signal.addEventListener('abort', forget, { once: true })
  const arrival = flight.reply.then((reply) => {
    flight.arrived = reply
    // What did not come from upstream is nobody's to put away: it has landed.
    if (reply.via !== 'upstream' || reply.recording.status !== 200) forget()
  }, forget)
  detached(arrival, fault, 'a shared call')
  return flight
}

/**
 * Waits for the answer to begin, and hands the caller a recording that knows when it leaves. `undefined`: the answer can
 * be shown only in a shape that this caller did not ask for.
 */
async function ride(flight: Flight, seat: Seat, call: Call): Promise<Reply | undefined> {
  flight.seats.add(seat)
  flight.payer ??= seat
  const pays = () => flight.payer === seat
  let reply: Reply
  try {
    reply = await whileWanted(flight.reply, call.signal)
    if (!pays() && flight.streams !== call.view.stream && reply.recording.convertible !== undefined) {
      if (!(await whileWanted(reply.recording.convertible(), call.signal))) {
        leave(flight, seat)
        return undefined
      }
    }
  } catch (reason) {
    if (!call.signal.aborted) throw reason
    leave(flight, seat)
    const ended = flight.reply.then(
      (reply) => reply.recording.ended,
      (error: unknown) => ({ type: 'failed', usage: nothing, error }) as const,
    )
    const recording = withoutResponse(reason, ended)
    return { via: pays() ? 'upstream' : 'flight', model: call.model, route: call.route, recording }
  }
  const { recording } = reply
  const land = (kept: boolean | Promise<boolean>) => {
    flight.forget()
    reply.land?.(kept)
  }
  const isForeign = !pays() && isAnotherAccount(flight, call)
  return {
    ...reply,
    ...(pays() ? { land } : { via: 'flight' }),
    ...(isForeign && { headers: {} }),
    recording: {
      ...recording,
      async open(view, left) {
        const own = pays() ? view : { ...view, follows: true as const }
        const response = await recording.open(own, (early) => {
          leave(flight, seat)
          left(early)
        })
        return isForeign ? foreignView(response) : response
      },
    },
  }
}

function leave(flight: Flight, seat: Seat): void {
  if (!flight.seats.delete(seat)) return
  const [heir] = flight.seats
  if (heir === undefined) {
    const recording = flight.arrived?.recording
    if (recording === undefined) flight.controller.abort()
    else if (!recording.isOver()) flight.forget()
    recording?.abandon()
  } else if (flight.arrived === undefined && flight.payer === seat) flight.payer = heir
}

/** Statuses that tell of an account: its key, its credit, what it may ask, how often. */
const PERSONAL = new Set([401, 402, 403, 404, 429])

/** Only upstream's outcome is shared: a refusal, or trouble with the leader's credentials, is the leader's own. */
function concernsOnlyTheLeader(reply: Reply, flight: Flight, call: Call): boolean {
  if (call.signal.aborted) return false
  const arrived = flight.arrived
  const { origin } = flight.leader
  // A fault has ended the leader's call before it left.
  if (origin.barred && origin !== call.origin && arrived?.recording.status === undefined) return true
  if (reply.via === 'upstream') return false
  if (arrived?.via === 'refused') return true
  const status = arrived?.recording.status
  return status !== undefined && PERSONAL.has(status) && shownBy(flight.leader) !== shownBy(call)
}

/** Accounts and teams meet in flight only where the policy says so; elsewhere both are in the name of the flight. */
function isAnotherAccount({ leader }: Flight, call: Call): boolean {
  const { accountsShare, shared, team } = call.caller
  if (!accountsShare && !shared) return false
  return leader.team !== team || shownBy(leader) !== shownBy(call)
}
