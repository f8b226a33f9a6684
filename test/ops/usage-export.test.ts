import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { COLUMN_NAMES } from '../../packages/ops/src/supabase/columns.ts'
import { BIN, llmGateway } from '../command.ts'
import { until } from '../support.ts'
import { empty, env, folder, insert, numbered, start, stop, supabase, usage } from './usage-kit.ts'

beforeAll(start)
beforeEach(empty)
afterAll(stop)
const exported = (args: string[]) => usage(['export', '--lag', '0', ...args])
const file = (name: string) => join(folder, `${Math.random().toString(36).slice(2)}-${name}`)

const ids = (csv: string) =>
  csv
    .trim()
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(',')[0] ?? '')

describe('export', () => {
  test('writes every row once, in the order of arrival, over many pages, also where thousands arrived at one moment', async () => {
    await insert(1, 2_500, "'2026-11-20T10:00:00.123456Z'::timestamptz")
    await insert(2_501, 2_600)
    const { out, code } = await exported([])
    expect(code).toBe(0)
    expect(out.split('\r\n')[0]).toBe(COLUMN_NAMES.join(','))
    expect(ids(out).toSorted()).toEqual(numbered(1, 2_600))
    expect(ids(out).slice(0, 2_500)).toEqual(numbered(1, 2_500))
  })

  test('selects by time, agent, status and columns, and formats each value', async () => {
    await insert(1, 20)
    const { out } = await exported([
      '--agent',
      'support',
      '--from',
      '2026-11-20T09:05:00Z',
      '--to',
      '2026-11-20T09:11:00Z',
      '--columns',
      'request_id,cost_usd,error',
    ])
    expect(out).toBe(
      'request_id,cost_usd,error\r\ncall-00006,0.000000006,\r\ncall-00008,0.000000008,\r\ncall-00010,0.00000001,\r\n',
    )
    expect(ids((await exported(['--status', 'failed'])).out)).toEqual(['call-00010', 'call-00020'])
    expect(ids((await exported(['--from', '2026-11-21'])).out)).toEqual([])
  })

  test('JSONL has the same rows, with null for what is unknown', async () => {
    await insert(1, 3)
    const { out } = await exported(['--format', 'jsonl', '--columns', 'request_id,cost_usd,session,tags'])
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(
      [1, 2, 3].map((n) => ({ request_id: `call-0000${n}`, cost_usd: n / 1e9, session: null, tags: [] })),
    )
  })

  test('Parquet has the same rows, with types, and appears once it is whole', async () => {
    await insert(1, 1_200)
    const path = file('rows.parquet')
    expect((await exported(['--out', path])).code).toBe(0)
    const bytes = readFileSync(path)
    const rows = await parquetReadObjects({
      file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
    })
    expect(rows).toHaveLength(1_200)
    expect(rows[6]).toMatchObject({
      request_id: 'call-00007',
      input_tokens: 7n,
      cost_usd: 7e-9,
      stream: false,
      at: new Date('2026-11-20T09:07:00Z'),
    })
    expect(existsSync(`${path}.partial`)).toBe(false)
    expect(await exported(['--out', path])).toMatchObject({ code: 2, err: expect.stringContaining('exists') })
  })

  test('with a cursor goes on after the last row: no gap and no repetition, also after a crash between file and cursor', async () => {
    const [out, cursor] = [file('calls.csv'), file('cursor')]
    const next = () => exported(['--out', out, '--cursor', cursor])
    await insert(1, 1_500)
    expect((await next()).code).toBe(0)
    expect(ids(readFileSync(out, 'utf8'))).toEqual(numbered(1, 1_500))
    await insert(1_501, 1_510)
    // Written, and not noted in the cursor.
    writeFileSync(out, `${readFileSync(out, 'utf8')}call-01501,half of a li`)
    expect((await next()).code).toBe(0)
    expect(ids(readFileSync(out, 'utf8'))).toEqual(numbered(1, 1_510))
    const { err } = await next()
    expect(err).toContain('0 rows')
    expect(ids(readFileSync(out, 'utf8'))).toEqual(numbered(1, 1_510))
    expect(await exported(['--out', out, '--cursor', cursor, '--agent', 'seo'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('another selection'),
    })
  })

  test.each(['csv', 'jsonl'])('with a cursor also after a run that found no row, as %s', async (format) => {
    const [out, cursor] = [file(`calls.${format}`), file('cursor')]
    const next = () => exported(['--out', out, '--cursor', cursor])
    const written = () => readFileSync(out, 'utf8').match(/call-\d+/g) ?? []
    for (const _ of [1, 2]) expect(await next()).toMatchObject({ code: 0, err: '0 rows.\n' })
    await insert(1, 3)
    expect(await next()).toMatchObject({ code: 0 })
    await insert(4, 5)
    expect(await next()).toMatchObject({ code: 0 })
    expect(written()).toEqual(numbered(1, 5))
    if (format === 'csv') expect(readFileSync(out, 'utf8').match(/request_id/g)).toHaveLength(1)
  })

  test('with a cursor also after a run that broke off before its first page', async () => {
    const [out, cursor] = [file('calls.csv'), file('cursor')]
    const next = () => exported(['--out', out, '--cursor', cursor])
    const begun = async () => {
      expect(await next()).toMatchObject({ code: 0 })
      expect(ids(readFileSync(out, 'utf8'))).toEqual(numbered(1, 3))
    }
    await insert(1, 3)
    // Made, and neither written nor noted.
    writeFileSync(out, '')
    await begun()
    // Noted as begun; then titles and half a page, or no file.
    const { selection } = JSON.parse(readFileSync(cursor, 'utf8')) as { selection: string }
    const noted = JSON.stringify({ bytes: 0, selection })
    writeFileSync(cursor, noted)
    writeFileSync(out, `${readFileSync(out, 'utf8')}call-00`)
    await begun()
    writeFileSync(cursor, noted)
    rmSync(out)
    await begun()
  })

  test('with a cursor into a pipe writes titles once', async () => {
    const cursor = file('cursor')
    const next = async () => (await exported(['--cursor', cursor, '--columns', 'request_id'])).out
    expect(await next()).toBe('request_id\r\n')
    expect(await next()).toBe('')
    await insert(1, 1)
    expect(await next()).toBe('call-00001\r\n')
    expect(await next()).toBe('')
  })

  test('with a cursor keeps a file that is not its own', async () => {
    const [out, cursor] = [file('calls.csv'), file('cursor')]
    writeFileSync(out, 'mine')
    const { code, err } = await exported(['--out', out, '--cursor', cursor])
    expect({ code, err }).toEqual({ code: 2, err: expect.stringContaining(`exists, and --cursor ${cursor}`) })
    expect([readFileSync(out, 'utf8'), existsSync(cursor)]).toEqual(['mine', false])
  })

  test('does not write its cursor over its output', async () => {
    const out = file('calls.csv')
    const { code, err } = await exported(['--out', out, '--cursor', out])
    expect({ code, err }).toEqual({
      code: 2,
      err: expect.stringContaining('--out and --cursor name one file'),
    })
    expect(existsSync(out)).toBe(false)
  })

  test.each([
    '{',
    'null',
    '[]',
    '1',
    '{"writtenAt":1}',
    '{"bytes":-1,"selection":""}',
    '{"bytes":1,"requestId":"x"}',
  ])('a cursor of %s is damaged', async (text) => {
    const cursor = file('cursor')
    writeFileSync(cursor, text)
    expect(await exported(['--out', file('calls.csv'), '--cursor', cursor])).toMatchObject({
      code: 2,
      err: expect.stringContaining('Delete it to begin at the first row.'),
    })
  })

  test('goes on after a killed export, and after Supabase was away in the middle', async () => {
    const [out, cursor] = [file('calls.jsonl'), file('cursor')]
    await insert(1, 6_000)
    const args = ['usage', 'export', '--lag', '0', '--out', out, '--cursor', cursor]
    const child = spawn(process.execPath, [BIN, ...args], { env: { PATH: process.env.PATH ?? '', ...env() } })
    const ended = new Promise((resolve) => child.once('close', resolve))
    await until(() => existsSync(cursor), 'the first page')
    child.kill('SIGKILL')
    await ended
    await supabase.become('error')
    expect(await llmGateway(args, env())).toMatchObject({ code: 1, err: expect.stringContaining('503') })
    await supabase.become('none')
    expect((await llmGateway(args, env())).code).toBe(0)
    const written = readFileSync(out, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { request_id: string }).request_id)
    expect(written).toEqual(numbered(1, 6_000))
  })

  test('leaves out rows that may still be overtaken', async () => {
    await insert(1, 1)
    await insert(2, 2, 'now()')
    expect(ids((await usage(['export'])).out)).toEqual(['call-00001'])
    expect(ids((await exported([])).out)).toEqual(['call-00001', 'call-00002'])
  })

  test.each([
    [['--format', 'xml'], '--format must be one of csv, jsonl, parquet'],
    [['--format', 'parquet'], '--out FILE is missing'],
    [['--from', 'yesterday'], '--from must be a day such as 2026-11-23'],
    [['--from', '2026-11-23T10:00:00'], '--from must be a day'],
    [['--from', '2026-11-23', '--to', '2026-11-22'], '--from must be before --to'],
    [['--columns', 'cost_us'], 'Did you mean: cost_usd'],
    [['--status', 'broken'], '--status must be one of ok, refused, aborted, failed'],
    [['--lag', '-1'], '--lag'],
  ])('%j is a usage error that names the option', async (args, message) => {
    expect(await usage(['export', ...args])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining(message),
    })
  })
})
