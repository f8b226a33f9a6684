import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { normalised } from './embedder.ts'
import { createLocalEmbedder } from './local.ts'

const dot = (one: Float32Array = new Float32Array(), other: Float32Array = new Float32Array()) =>
  one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0)

test('similar texts have near vectors, and process listeners stay as they were', async () => {
  const listeners = () =>
    ['uncaughtException', 'unhandledRejection'].map((event) => process.listenerCount(event))
  const before = listeners()
  const { embed, dimensions } = createLocalEmbedder()
  const [reset, forgot, refund] = await embed([
    'How do I reset my password?',
    'I forgot my password, how can I change it?',
    'What is your refund policy?',
  ])
  expect(reset).toHaveLength(dimensions)
  expect(dot(reset, reset)).toBeCloseTo(1)
  expect(dot(reset, forgot)).toBeGreaterThan(0.85)
  expect(dot(reset, refund)).toBeLessThan(0.5)
  expect(listeners()).toEqual(before)
})

test('where the packages are not installed, the error says how to install them', () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'embedder-'))
  try {
    for (const name of ['semantic/embedding/local.ts', 'semantic/embedding/embedder.ts', 'util'])
      cpSync(new URL(`../../${name}`, import.meta.url), join(elsewhere, name), { recursive: true })
    const script = `import { createLocalEmbedder } from './semantic/embedding/local.ts'
      await createLocalEmbedder().embed(['x']).catch((error) => console.log(error.name, error.message))`
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: elsewhere })
    expect(said.toString()).toMatch(/^LocalEmbedderMissing .*npm install @energetic-ai\/core@0\.2\.0 /)
  } finally {
    rmSync(elsewhere, { recursive: true })
  }
})

test('a text beyond the limit is rejected, and so is an aborted request', async () => {
  const { embed } = createLocalEmbedder()
  await expect(embed(['x'.repeat(5_000)])).rejects.toThrow(RangeError)
  await expect(embed(['x'], AbortSignal.abort())).rejects.toThrow('aborted')
})

test('a zero vector is near to no other', () => {
  expect([...normalised([0, 0])]).toEqual([0, 0])
  expect([...normalised([Number.NaN, 1])]).toEqual([0, 0])
  expect([...normalised([3, 4])]).toEqual([expect.closeTo(0.6), expect.closeTo(0.8)])
})
