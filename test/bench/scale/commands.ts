import { readFileSync } from 'node:fs'
import { createGatewayClient } from '@hotdash/llm-gateway'
import { Redis } from 'ioredis'
import { completion, inMemory } from '../completion.ts'

/** Stand in the commands of a step for what differs each time, or for each process. All have a fixed width. */
export const EACH = '%each-----------%'
export const PROCESS = '%process%'
export const NUMBER = '%number'

/** What one step of the gateway sends, one command after another. Texts are bytes, as Latin-1. */
export type Step = { name: string; commands: string[][] }

const ANSWER = completion('It left the kitchen at 18:42. '.repeat(12))
const TEAMS = { bench: { agents: ['bench'], rpm: 1e8, tpm: 1e11, usdPerDay: 1e6 } }
const MODELS = { 'gpt-4o-mini': { input: 0.15, cachedInput: 0.075, output: 0.6, maxOutput: 16_384 } }
export const POLICY = {
  version: 1,
  routing: { default: 'gpt-4o-mini', escalate: { above: 2_000, to: 'gpt-4o' } },
  models: MODELS,
  teams: TEAMS,
}
const SECONDS = 6_500

/**
 * Records what a real gateway sends to a Redis: a miss that Redis decides, one that a lease covers with its report, the
 * write of metrics, a spilled row. Its scripts are known to that Redis afterwards.
 */
export async function recordSteps(url: string) {
  const redis = new Redis(url)
  const sent: string[][] = []
  const send = redis.sendCommand.bind(redis)
  redis.sendCommand = (command, ...rest) => {
    const args = command.args.map((each) =>
      Buffer.isBuffer(each) ? each.toString('latin1') : Buffer.from(String(each)).toString('latin1'),
    )
    sent.push([command.name, ...args])
    return send(command, ...rest)
  }
  const client = createGatewayClient({
    baseURL: 'http://127.0.0.1:1/v1',
    apiKey: 'bench',
    fetch: inMemory(ANSWER),
    gateway: {
      agent: 'bench',
      policy: POLICY,
      redis,
      cache: { exact: { localSeconds: 0 } },
      supabase: { via: 'redis' },
    },
  })
  const ask = (content: string) =>
    client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content }] })
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  await ask('first')
  await pause(SECONDS)
  sent.length = 0
  await ask('decided by Redis')
  await pause(1_200)
  await ask('decided by Redis as well')
  await ask('covered by a lease')
  await pause(SECONDS)
  const scripts = sent.filter(([name]) => name === 'evalsha')
  const steps = {
    lookup: must(sent.find(([name]) => name === 'mget')),
    store: must(scripts.find(([, , , key]) => key?.includes(':x:'))),
    reserve: must(scripts.find((args) => isQuota(args) && args.length > 40 && args[46] !== '1')),
    settle: must(scripts.find((args) => isQuota(args) && args.length < 20)),
    report: must(scripts.find((args) => isQuota(args) && args.length > 40 && args[46] === '1')),
    metrics: must(scripts.find(([, , , key]) => key?.includes('{metrics}'))),
    spill: must(scripts.find(([, , , key]) => key?.includes('{usage}'))),
  }
  await client.gateway.close()
  redis.disconnect()
  return steps
}

export type Recorded = Awaited<ReturnType<typeof recordSteps>>

const isQuota = ([, , , key]: string[]) => key?.endsWith(':quota') === true

function must(command: string[] | undefined): string[] {
  if (command === undefined) throw new Error('The gateway did not send a command that the model counts.')
  return command
}

/** The recorded command with other places. */
const withPlaces = (command: string[], places: Record<number, string>) =>
  command.map((each, at) => places[at] ?? each)

/** Place of ARGV[n] in an EVALSHA of three keys. */
const argv = (n: number) => 5 + n

const keyOf = (answer: string) => `gw:{bench}:x:${answer}${'_'.repeat(43 - answer.length)}`
const stamps = ['gw:{bench}:epoch', 'gw:{*}:epoch:all']
const bytes = (length: number) => 'ab1\xe5'.repeat(Math.ceil(length / 4)).slice(0, length)

/** Puts an answer of this size there, for hits. */
export const plant = (size: number): string[] => ['set', keyOf(`planted-${size}`), bytes(size)]

export const hit = (size: number): Step => ({
  name: `hit ${size}`,
  commands: [['mget', keyOf(`planted-${size}`), ...stamps]],
})

export const miss = (recorded: Recorded, size: number): Step => ({
  name: `miss ${size}`,
  commands: [
    ['mget', keyOf(EACH), ...stamps],
    // Short-lived: the measurement shall not fill the machine.
    withPlaces(recorded.store, { 3: keyOf(EACH), [argv(1)]: bytes(size), [argv(2)]: '5000' }),
  ],
})

const record = (team: string) => ({
  3: `gw:{${team}}:quota`,
  4: `gw:{${team}}:hold:${EACH}`,
  5: `gw:{${team}}:means`,
})

/** A process says once that it is there. */
export const announce = (recorded: Recorded, team: string): Step => ({
  name: 'announce',
  commands: [
    withPlaces(recorded.reserve, { ...record(team), [argv(2)]: EACH, [argv(3)]: '1', [argv(17)]: '' }),
  ],
})

/** A process of a team says again that it is there, as it does once a minute. */
export const announcing = (recorded: Recorded, { name, epoch }: Team): Step => ({
  name: `announce ${name}`,
  commands: [
    withPlaces(recorded.reserve, {
      ...record(name),
      [argv(2)]: 'announcer',
      [argv(3)]: '1',
      [argv(17)]: epoch,
    }),
  ],
})

/** A team, and the epoch of its state, which its processes know. */
export type Team = { name: string; epoch: string }

export const reserved = (recorded: Recorded, { name, epoch }: Team): Step => ({
  name: `reserved ${name}`,
  commands: [
    withPlaces(recorded.reserve, { ...record(name), [argv(2)]: PROCESS, [argv(17)]: epoch }),
    withPlaces(recorded.settle, { ...record(name), [argv(2)]: PROCESS }),
  ],
})

/** A report of several calls that have ended. */
export const reported = (recorded: Recorded, { name, epoch }: Team, calls: number): Step => {
  const rows = Array.from({ length: calls }, () => [1, 101, 1, 350, 97_500, 0, 100, 1])
  const places = {
    [argv(2)]: PROCESS,
    [argv(17)]: epoch,
    [argv(37)]: NUMBER,
    [argv(38)]: '1',
    [argv(39)]: JSON.stringify(rows),
    [argv(40)]: '["bench\\ngpt-4o-mini"]',
  }
  return {
    name: `report ${calls} ${name}`,
    commands: [withPlaces(recorded.report, { ...record(name), ...places })],
  }
}

/** Metrics of several agents, in the minute and in the hour. */
export function metrics({ metrics: [name = '', sha = '', , ...rest] }: Recorded, agents: number): Step {
  const [, minute = '', hour = '', , keep = '', most = '', ttl = '', , , , sums = ''] = rest
  const rows = Array.from({ length: agents }, (_, at) => [`bench/agent-${at}`, 'bench/(others)', sums]).flat()
  const each = [ttl, String(agents), ...rows]
  return {
    name: `metrics ${agents}`,
    commands: [
      [name, sha, '3', `gw:{metrics}:writer:${PROCESS}`, minute, hour, NUMBER, keep, most, ...each, ...each],
    ],
  }
}

/** Puts rows into the spill. */
export function spilled({ spill: [name = '', sha = '', keys = '', ...rest] }: Recorded, rows: number): Step {
  const [key = '', , ttl = '', row = ''] = rest
  return {
    name: `spill ${rows}`,
    commands: [[name, sha, keys, key, '100000000', ttl, ...Array.from({ length: rows }, () => row)]],
  }
}

/** The script by which the holder of a flight ends it, without a channel that anyone listens to. */
export const flightSource = () =>
  readFileSync(new URL('../../../packages/gateway/src/coalesce/release.lua', import.meta.url), 'utf8')

/** Takes a flight and ends it. `sha`: digest of `flightSource`. */
export const flight = (sha: string): Step => {
  const key = `gw:{bench}:flight:${EACH}`
  return {
    name: 'flight',
    commands: [
      ['set', key, EACH, 'NX', 'GET', 'PX', '3000'],
      ['evalsha', sha, '1', key, EACH, 'stored', '2000', 'unheard', 'x'.repeat(100)],
    ],
  }
}

const PARTITION = 'gw:{bench}:s:partition'

/** Fills a partition of the semantic cache: ids of the last half minute, and entries of this size. */
export const plantPartition = (entries: number, size: number): string[][] => [
  ['del', `${PARTITION}${entries}`],
  ...(entries === 0
    ? []
    : [
        [
          'zadd',
          `${PARTITION}${entries}`,
          ...Array.from({ length: entries }, (_, at) => [String(at), idOf(at)]).flat(),
        ],
      ]),
  ...Array.from({ length: entries }, (_, at) => ['set', `${PARTITION}:${idOf(at)}`, bytes(size)]),
]

const idOf = (at: number) => `entry-${String(at).padStart(14, '0')}`

/** A process asks once a second which ids are new: all of the last half minute are listed. */
export const listing = (entries: number): Step => ({
  name: `list ${entries}`,
  commands: [
    ['zrevrangebyscore', `${PARTITION}${entries}`, '+inf', '-inf', 'WITHSCORES', 'LIMIT', '0', '1000'],
  ],
})

/** A process reads entries of others. */
export const reading = (entries: number): Step => ({
  name: `read ${entries}`,
  commands: [['mget', ...Array.from({ length: entries }, (_, at) => `${PARTITION}:${idOf(at)}`), ...stamps]],
})

export const publishing = (): Step => ({ name: 'publish', commands: [['publish', 'bench', 'x'.repeat(100)]] })
export const pinging = (): Step => ({ name: 'ping', commands: [['ping']] })
