import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { PACKAGES, type PackageName, reportFile, reportOf } from './api/report.ts'

describe.each(Object.keys(PACKAGES) as PackageName[])('the public types of %s', (name) => {
  const report = reportOf(name)

  test('are those of the reviewed report; npm run api writes it', () => {
    expect(report).toBe(readFileSync(reportFile(name), 'utf8'))
  })

  test('refer to nothing that cannot be found', () => {
    expect(report).not.toMatch(/\bany\b(?!\w)(?=\s*[;,)\]}|&])/)
  })
})

test('the root of the gateway exports seven values', async () => {
  expect(Object.keys(await import('@hotdash/llm-gateway')).toSorted()).toEqual([
    'GatewayOptionsError',
    'createGateway',
    'createGatewayClient',
    'gatewayOptions',
    'hotdashPolicy',
    'loadPolicy',
    'withGateway',
  ])
})
