import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { DEFAULT_WHILE_UNAVAILABLE } from '#src/core/team-limits.ts'
import { zoneAt } from '#src/quota/redis/day-boundary.ts'
import { keysOf, reserveArgs, reservedOf, settleArgs, settledOf } from '#src/quota/redis/wire.ts'
import { claim, limits, member, truth, usd } from './quota-kit.ts'
import { startRedis } from './server.ts'

const folder = fileURLToPath(new URL('../../packages/gateway/src/quota/redis/', import.meta.url))
const read = (name: string) => readFileSync(`${folder}${name}`, 'utf8')
const scripts = readdirSync(folder).filter((name) => name.endsWith('.lua'))

/** The comment at the top, and what follows it without comments. */
function parts(source: string) {
  const lines = source.split('\n')
  const end = lines.findIndex((line) => !line.startsWith('--'))
  const code = lines.slice(end).map((line) => line.replace(/--.*/, ''))
  return { header: lines.slice(0, end).join('\n'), code: code.join('\n') }
}

const places = (text: string, pattern: RegExp) =>
  [...new Set([...text.matchAll(pattern)].map(([, place]) => Number(place)))].toSorted((a, b) => a - b)

const upTo = (count: number) => Array.from({ length: count }, (_, at) => at + 1)
const documented = (header: string, what: 'KEYS' | 'ARGV') =>
  places(header, new RegExp(`^-- {3}${what}\\[(\\d+)\\] {2,}\\S`, 'gm'))
const outputs = (header: string) => places(header.split('-- Output:')[1] ?? '', /^-- {3}(\d+) {2,}\S/gm)

const reservation = claim('id', { limits: limits({ rpm: 1, tpm: 1, usdPerDay: usd(1) }) })
const zone = zoneAt(0, 'UTC')
const memory = {
  epoch: '',
  seq: 0,
  day: 0,
  committed: 0,
  own: '',
  heard: { requests: 0, tokens: 0 },
  heardAgo: 0,
  clock: undefined,
}
const nothing = { requests: 0, tokens: 0, usd: 0 }
const emptyClaim = { number: 0, has: nothing, unreported: nothing, inFlight: nothing }
const SENT = {
  'reserve.lua': reserveArgs(
    reservation,
    { now: '', process: 'p', announce: false },
    zone,
    memory,
    emptyClaim,
    undefined,
  ),
  'settle.lua': settleArgs(truth('id'), { now: '', process: 'p' }, zone),
}

/** What scripts begin with. */
const SHARED = ['state.lua', 'lease.lua', 'settlement.lua', 'report.lua']

test('each script has a contract, and each contract is tested', () => {
  const names = ['books', 'lease', 'leave', 'report', 'reserve', 'settle', 'settlement', 'state']
  expect(scripts).toEqual(names.map((name) => `${name}.lua`))
  for (const name of scripts) expect(read(name)).toMatch(/^-- [A-Z]/)
})

describe.each(Object.entries(SENT))('%s', (name, sent) => {
  const { header, code } = parts(read(name))

  test('the header names every KEYS and ARGV that the code reads, and no other', () => {
    expect(documented(header, 'KEYS')).toEqual(places(code, /KEYS\[(\d+)\]/g))
    expect(documented(header, 'ARGV')).toEqual(places(code, /ARGV\[(\d+)\]/g))
    expect(code.match(/(KEYS|ARGV)(?!\[\d+\])/g)).toBeNull()
  })

  test('callers send as many keys and arguments as the header names, without a gap', () => {
    expect(documented(header, 'KEYS')).toEqual(upTo(keysOf('t', 'id').length))
    expect(documented(header, 'ARGV')).toEqual(upTo(sent.length))
  })

  test('every key that the code touches came through KEYS: no name is made up in Lua', () => {
    const calls = [
      ...SHARED.map((name) => parts(read(name)).code)
        .concat(code)
        .join('\n')
        .matchAll(/redis\.p?call\('(\w+)'(?:, ([\w.[\]]+))?/g),
    ]
    expect(calls.length).toBeGreaterThan(4)
    for (const [, command, key] of calls)
      expect(command === 'TIME' ? 'no key' : key).toMatch(/^(no key|KEYS\[\d\]|key|state\.key)$/)
  })

  test('the answer has as many places as the header names', async () => {
    const server = await startRedis()
    const script = [...SHARED, name].map(read).join('\n')
    const answer = await server.admin.eval(script, 3, ...keysOf('t', 'id'), ...sent)
    await server.close()
    expect(outputs(header)).toEqual(upTo((answer as unknown[]).length))
    if (name === 'reserve.lua') expect(reservedOf(answer)).toMatchObject({ status: expect.any(String) })
    else expect(settledOf(answer)).toMatchObject({ outcome: 'fresh' })
  })
})

test('the header of state.lua names every field of the hash, and no other', () => {
  const { header, code } = parts(read('state.lua'))
  const fields = /local FIELDS = \{([^}]*)\}/.exec(code)?.[1]?.match(/\w+/g) ?? []
  const named = [...header.matchAll(/^-- {3}(\w[\w, ]*?) {2,}\S/gm)].flatMap(([, names = '']) =>
    names.split(', '),
  )
  // Each process has a field of its own besides.
  const lists = scripts.flatMap((name) => [...read(name).matchAll(/list_of\(state, '(\w+)'\)/g)])
  const readApart = new Set(lists.map(([, name]) => name))
  expect(named.toSorted()).toEqual([...fields, ...readApart].toSorted())
})

test('all that is written lives under the team, in one slot, and has a time to live', async () => {
  const server = await startRedis()
  const quota = member(server.url)
  await quota.reserve(claim('id', { limits: limits({ rpm: 5 }), team: 'a{b}c%' }))
  await quota.settle(truth('id', { team: 'a{b}c%', learnOutputTokens: 5 }))
  const keys = await server.admin.keys('*')
  expect(keys.toSorted()).toEqual(keysOf('a{b}c%', 'id').toSorted())
  for (const key of keys) {
    expect(key).toMatch(/^gw:\{[^{}]+\}:/)
    expect(await server.admin.pttl(key)).toBeGreaterThan(0)
  }
  quota.close()
  await server.close()
})

test('one command to reserve, one to settle; a script that Redis has forgotten costs one more', async () => {
  const server = await startRedis()
  const quota = member(server.url)
  const commands = () => quota.link.stats().commands
  const evals = async () =>
    [...(await server.admin.info('commandstats')).matchAll(/cmdstat_(eval|evalsha):calls=(\d+)/g)].map(
      ([, name, calls]) => `${name} ${calls}`,
    )
  // Without a lease.
  const bound = limits({ rpm: 50, whileUnavailable: { ...DEFAULT_WHILE_UNAVAILABLE, leased: 0 } })
  const once = async (id: string) => {
    await quota.reserve(claim(id, { limits: bound }))
    await quota.settle(truth(id))
  }
  await once('a')
  await once('b')
  expect(commands()).toBe(4)
  expect((await evals()).toSorted()).toEqual(['eval 2', 'evalsha 4'])
  await server.admin.script('FLUSH')
  await once('c')
  expect((await evals()).toSorted()).toEqual(['eval 4', 'evalsha 6'])
  expect(quota.stats()).toMatchObject({ mode: 'shared', decided: 3, alone: 0, errors: 0 })
  quota.close()
  await server.close()
})

test('what a lease covers costs no command of its own, and is told at once, with the next reservation or by itself', async () => {
  const server = await startRedis()
  const quota = member(server.url, { reportMs: 3_600_000 })
  const commands = () => quota.link.stats().commands
  const bound = limits({ rpm: 10_000 })
  const reserve = (id: string, some = {}) => quota.reserve(claim(id, { limits: bound, ...some }))
  await reserve('first')
  expect(commands()).toBe(1)
  for (let at = 0; at < 40; at += 1) {
    expect(await reserve(`${at}`)).toMatchObject({ admitted: true, remaining: { requests: 10_000 - 2 - at } })
    if (at % 2 === 0) await quota.settle(truth(`${at}`))
  }
  expect(commands()).toBe(1)
  quota.report()
  await expect.poll(() => quota.stats().queued).toBe(0)
  expect(commands()).toBe(2)
  for (let at = 0; at < 40; at += 1) await quota.settle(truth(`${at}`))
  await reserve('other limits', { limits: limits({ rpm: 9_000 }) })
  expect(quota.stats()).toMatchObject({ decided: 2, leased: 40, queued: 0 })
  expect(commands()).toBe(3)
  quota.close()
  await server.close()
})

test('garbage in a key counts as absent, and fails no call', async () => {
  const server = await startRedis()
  const quota = member(server.url)
  const [state = '', , means = ''] = keysOf('t', 'x')
  const bound = limits({ rpm: 5, tpm: 5_000, usdPerDay: usd(5_000), tpmMode: 'expected' })
  const trouble = [
    () => server.admin.set(state, 'a string'),
    () =>
      server.admin.hset(
        state,
        'window',
        'not packed',
        'held',
        '\xc1',
        'spent',
        '-5',
        'clock',
        'x',
        'day',
        '1e9',
      ),
    () =>
      server.admin.hset(state, 'window', Buffer.from([0x91, 0xa1, 0x78]), 'recalled', Buffer.from([0x91, 1])),
    () => server.admin.del(means).then(() => server.admin.lpush(means, 'x')),
    () => server.admin.set(keysOf('t', '4')[1] ?? '', 'x'),
    () => server.admin.lpush(keysOf('t', '5')[1] ?? '', 'x'),
  ]
  for (const [at, make] of trouble.entries()) {
    await make()
    expect(await quota.reserve(claim(`${at}`, { limits: bound }))).toMatchObject({ admitted: true })
    await quota.settle(truth(`${at}`, { learnOutputTokens: 3 }))
  }
  expect(quota.stats()).toMatchObject({ errors: 0, alone: 0 })
  quota.close()
  await server.close()
})
