import { Redis } from 'ioredis'
import {
  announce,
  announcing,
  flight,
  flightSource,
  hit,
  listing,
  metrics,
  miss,
  pinging,
  plant,
  plantPartition,
  publishing,
  type Recorded,
  reading,
  reported,
  reserved,
  type Step,
  spilled,
  type Team,
} from './commands.ts'
import type { Bench, Measured } from './server.ts'

/** Of one step, at 100 connections that ask as fast as they can: µs of Redis' CPU, its commands, bytes in and out. */
export type Unit = { us: number; commands: number; received: number; sent: number }
export type Units = Record<string, Unit>

export const FLEETS = [1, 100, 1_000]
export const SUBSCRIBERS = [1, 100, 400]
const CONNECTIONS = 100

const ROUNDS = 5

/** The least disturbed of some rounds counts: other programs on the machine only ever make a step dearer. */
async function unitOf({ load }: Bench, step: Step, ms: number): Promise<Unit> {
  const rounds: Measured[] = []
  for (let round = 0; round < ROUNDS; round += 1)
    rounds.push(await load({ connections: CONNECTIONS, steps: [{ ...step, weight: 1 }], ms: ms / ROUNDS }))
  const [least] = rounds.toSorted((one, other) => one.cpu - other.cpu)
  if (least === undefined || least.errors > 0)
    throw new Error(`${step.name}: ${least?.errors} of ${least?.steps} failed: ${least?.error}`)
  return { us: least.cpu, commands: least.commands, received: least.received, sent: least.sent }
}

/** Measures all steps of the model, one after another. */
export async function measureUnits(
  bench: Bench,
  recorded: Recorded,
  ms: number,
  tell: (line: string) => void,
) {
  const { admin } = bench.server
  const units: Units = {}
  const measure = async (step: Step) => {
    const unit = await unitOf(bench, step, ms)
    units[step.name] = unit
    const columns = [
      unit.us.toFixed(1),
      unit.commands.toFixed(2),
      unit.received.toFixed(0),
      unit.sent.toFixed(0),
    ]
    tell(`${step.name.padEnd(20)}${columns.map((each) => each.padStart(9)).join('')}`)
  }
  const say = ([name = '', ...args]: string[]) =>
    admin.call(name, ...args.map((each) => Buffer.from(each, 'latin1')))

  await measure(pinging())
  for (const size of [256, 4_096, 32_768]) {
    await say(plant(size))
    await measure(hit(size))
  }
  for (const size of [256, 4_096, 32_768]) await measure(miss(recorded, size))
  for (const fleet of FLEETS) {
    const team = await fillFleet(bench, recorded, fleet)
    await measure(reserved(recorded, team))
    await measure(reported(recorded, team, 1))
    await measure(announcing(recorded, team))
    if (fleet === 100) await measure(reported(recorded, team, 10))
  }
  await measure(flight(String(await admin.script('LOAD', flightSource()))))
  for (const agents of [1, 10]) await measure(metrics(recorded, agents))
  for (const rows of [1, 100]) {
    await measure(spilled(recorded, rows))
    await admin.flushall()
  }
  for (const entries of [0, 100, 1_000]) {
    for (const command of plantPartition(entries, 1_500)) await say(command)
    await measure(listing(entries))
  }
  for (const entries of [1, 100]) await measure(reading(entries))
  for (const subscribers of SUBSCRIBERS) {
    const listening = await subscribeMany(bench.server.port, subscribers)
    const unit = { ...publishing(), name: `publish ${subscribers}` }
    await measure(unit)
    for (const each of listening) each.disconnect()
  }
  return units
}

/** Makes a team of this many processes, and returns it. */
export async function fillFleet(bench: Bench, recorded: Recorded, fleet: number): Promise<Team> {
  const name = `fleet${fleet}`
  const steps = [{ ...announce(recorded, name), weight: 1 }]
  for (let announced = 0; announced < fleet; ) {
    const { steps: some, error } = await bench.load({
      connections: 1,
      steps,
      most: fleet - announced,
      ms: 500,
    })
    if (error !== undefined) throw new Error(`announcing process ${announced} of ${fleet}: ${error}`)
    announced += some
  }
  return { name, epoch: (await bench.server.admin.hget(`gw:{${name}}:quota`, 'epoch')) ?? '' }
}

async function subscribeMany(port: number, count: number): Promise<Redis[]> {
  const clients = Array.from({ length: count }, () => new Redis(port, { lazyConnect: true }))
  for (const client of clients) await client.subscribe('bench')
  return clients
}
