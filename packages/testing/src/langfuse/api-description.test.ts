import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadDescription } from './api-description.ts'
import { event, setup } from './test-setup.ts'

/** A description in the manner of Langfuse's: OpenAPI 3.0, unions by `type`, overlapping alternatives, `nullable`. */
const DESCRIPTION = `
openapi: 3.0.1
components:
  schemas:
    IngestionEvent:
      oneOf:
        - type: object
          allOf:
            - {type: object, properties: {type: {type: string, enum: [trace-create]}}}
            - $ref: '#/components/schemas/TraceEvent'
          required: [type]
        - type: object
          allOf:
            - {type: object, properties: {type: {type: string, enum: [generation-create]}}}
            - $ref: '#/components/schemas/GenerationEvent'
          required: [type]
    TraceEvent:
      type: object
      properties: {body: {type: object, properties: {name: {type: string, nullable: true}}}}
      required: [body]
    GenerationEvent:
      type: object
      properties:
        body:
          type: object
          properties:
            usage: {oneOf: [{$ref: '#/components/schemas/Usage'}, {type: object}], nullable: true}
            startTime: {type: string, format: date-time}
    Usage: {type: object, properties: {input: {type: integer}}}
`
let folder = ''
let path = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'described-'))
  path = join(folder, 'openapi.yml')
  await writeFile(path, DESCRIPTION)
})
afterAll(() => rm(folder, { recursive: true }))

test('a value is checked against the alternative of its type', async () => {
  const described = await loadDescription(path)
  expect(described('IngestionEvent', { type: 'trace-create', body: { name: null } })).toEqual([])
  expect(described('IngestionEvent', { type: 'trace-create', body: { name: 1 } })).toEqual([
    'body.name must be string',
  ])
  expect(described('IngestionEvent', { type: 'generation-create', body: { usage: { input: 1 } } })).toEqual(
    [],
  )
  expect(described('IngestionEvent', { type: 'generation-create', body: { startTime: 'now' } })).toEqual([
    'body.startTime must match format "date-time"',
  ])
})

test('complaints of the description come with those of the built-in rules', async () => {
  const { langfuse, ingest } = await setup({ version: '2.95.12', apiDescription: path })
  await ingest(
    event('trace-create', { id: 't' }),
    event('generation-create', { id: 'g', usage: { input: 1.5 } }),
  )
  expect(langfuse.checked).toBe(2)
  expect(langfuse.malformed).toEqual([expect.stringContaining('usage input is no integer')])
  await ingest(event('trace-create', { id: 't', name: 1 }))
  expect(langfuse.malformed.slice(1)).toEqual([
    expect.stringContaining('name is no string'),
    expect.stringContaining('IngestionEvent: body.name must be string'),
  ])
})

test('a missing description is an error at the start', async () => {
  await expect(setup({ apiDescription: join(folder, 'none.yml') })).rejects.toThrow('ENOENT')
})
