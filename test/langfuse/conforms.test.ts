import { expect, test } from 'vitest'
import { allowLogInFile } from '../console.ts'
import { stand, VERSIONS } from './kit.ts'
import { makeVariedCalls } from './varied.ts'

allowLogInFile('GW_CONTROL_IGNORED')

test.each(VERSIONS)('%s: calls of every kind arrive, and nothing is wrong with any', async (version) => {
  const langfuse = await stand(version)
  const records = await makeVariedCalls(langfuse)
  expect(langfuse.malformed).toEqual([])
  const stored = new Set([...langfuse.observations.values()].map(({ metadata }) => metadata.call))
  expect(records.filter(({ id }) => !stored.has(id))).toEqual([])
  expect(new Set(records.map(({ status }) => status))).toEqual(
    new Set(['ok', 'refused', 'aborted', 'failed']),
  )
  expect(new Set(records.map(({ cache }) => cache))).toEqual(new Set(['miss', 'exact', 'flight', 'bypass']))
  expect(new Set(records.map(({ route }) => route))).toEqual(
    new Set(['default', 'requested', 'escalated', 'failover']),
  )
  expect(langfuse.requests.every(({ status }) => status === 200 || status === 207)).toBe(true)
})
