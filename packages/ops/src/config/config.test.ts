import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { UsageError } from '../core/command.ts'
import { loadConfig, parseConfig } from './config.ts'

const EXAMPLE = fileURLToPath(new URL('../../monitor.example.json', import.meta.url))

test('the shipped example is valid, and its thresholds and durations are the defaults', () => {
  const example = loadConfig(EXAMPLE)
  const defaults = parseConfig({}, 'the default')
  expect(example.thresholds).toEqual(defaults.thresholds)
  expect(example.notify).toEqual(defaults.notify)
  expect(example.report.targets).toEqual(defaults.report.targets)
  expect(example.intervalSeconds).toBe(defaults.intervalSeconds)
})

test('the example holds no address outside of the example domain, and no secret', () => {
  const { mail } = loadConfig(EXAMPLE)
  for (const address of [...(mail?.to ?? []), ...(mail?.escalateTo ?? [])])
    expect(address).toMatch(/@example\.com$/)
})

test('each invalid field is named', () => {
  const wrong = {
    intervalSeconds: -1,
    quietHours: { from: '25:00', to: '07:00' },
    thresholds: { errorRate: { percent: 0 }, latencyy: {} },
    mail: { from: 'a@example.com', to: ['no address'] },
    probes: [{ name: 'x', url: 'ftp://example.com' }],
  }
  const error = (() => {
    try {
      return parseConfig(wrong, 'monitor.json')
    } catch (error) {
      return error
    }
  })()
  expect(error).toBeInstanceOf(UsageError)
  for (const field of [
    'intervalSeconds',
    'quietHours.from',
    'errorRate.percent',
    'latencyy',
    'mail.to.0',
    'probes.0.url',
  ])
    expect((error as UsageError).message).toContain(field)
})

test('a missing file and one that is not JSON are usage errors with its path', () => {
  expect(() => loadConfig('/nowhere/monitor.json')).toThrow('/nowhere/monitor.json')
  expect(() => loadConfig(fileURLToPath(import.meta.url))).toThrow(UsageError)
})

test('each field at fault is named once, with what is valid there', () => {
  const config = {
    intervalSeconds: 0,
    timezone: 'Mars/B',
    probes: [{ name: 'g', url: 'gateway' }],
    mail: { from: '', to: [] },
    quiet: 1,
    thresholds: { windowMinutes: 61, errorRate: { percent: '5' }, latncy: {} },
    quietHours: { from: '22:00' },
  }
  let message = ''
  try {
    parseConfig(config, 'monitor.json')
  } catch (error) {
    message = (error as Error).message
  }
  expect(message.split('\n')).toEqual([
    'monitor.json is not valid:',
    '  intervalSeconds: must be at least 0.1',
    '  timezone: must be an IANA time zone such as "Europe/Berlin"',
    '  thresholds.windowMinutes: must be at most 60',
    '  thresholds.errorRate.percent: must be a number',
    '  thresholds.latncy: unknown field',
    '  probes.0.url: must be an address that begins with https:// or http://',
    '  mail.from: must have at least 3 characters',
    '  mail.to: must not be empty',
    '  quietHours.to: is missing',
    '  quiet: unknown field',
  ])
})
