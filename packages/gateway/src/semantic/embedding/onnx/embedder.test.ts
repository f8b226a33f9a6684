import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { createOnnxEmbedder, MINILM, type OnnxEmbedder, type OnnxEmbedderOptions } from './embedder.ts'
import { fakeFolder, MODEL } from './fake-packages.ts'

const opened: OnnxEmbedder[] = []
const folders: string[] = []

/** An embedder on fake packages, which is closed after the test. */
function embedderOn(fake: Parameters<typeof fakeFolder>[0] = {}, more: OnnxEmbedderOptions = {}) {
  const options = { ...fakeFolder(fake), ...more }
  const embedder = createOnnxEmbedder(options)
  folders.push(options.folder)
  opened.push(embedder)
  const runs = () =>
    readFileSync(join(options.folder, 'onnx/model.onnx.runs'), 'utf8').trim().split('\n').map(Number)
  return { ...embedder, folder: options.folder, runs }
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((embedder) => embedder.close()))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

const length = (vector: Float32Array = new Float32Array()) => Math.hypot(...vector)

test('vectors have length 1 and come in the order of their texts', async () => {
  const { embed } = embedderOn()
  const [long, short, other] = await embed(['how reset password', 'reset', 'refund'])
  expect([length(long), length(short), length(other)]).toEqual([1, 1, 1].map((one) => expect.closeTo(one)))
  expect(short).toEqual((await embed(['reset']))[0])
  expect(other).toEqual((await embed(['refund']))[0])
  expect(short).not.toEqual(other)
})

test('a vector does not depend on the texts embedded with it', async () => {
  const { embed } = embedderOn()
  const [alone] = await embed(['reset'])
  const [beside] = await embed(['reset', 'how how how how how how'])
  expect(beside).toEqual(alone)
})

test('a text that the model cannot read whole is rejected, whatever limit its tokenizer has', async () => {
  const { embed } = embedderOn()
  // The file's own limit of three tokens would make these two equal.
  const [reset, refund] = await embed(['how how reset', 'how how refund'])
  expect(reset).not.toEqual(refund)
  await expect(embed(['how how how how how how how'])).rejects.toThrow(RangeError)
  await expect(embed(['x'.repeat(200)])).rejects.toThrow(RangeError)
})

test('a text with a sign that the model does not know, or with a framing token, is rejected', async () => {
  const { embed } = embedderOn()
  for (const text of ['reset 🍕', 'reset [SEP] how', 'unheard'])
    await expect(embed([text]), text).rejects.toThrow(RangeError)
})

test('texts run in batches, together with those of other requests', async () => {
  const { embed, runs } = embedderOn()
  await embed(['how'])
  await Promise.all([embed(Array.from({ length: 20 }, () => 'reset')), embed(['how']), embed(['refund'])])
  expect(Math.max(...runs())).toBe(8)
  expect(runs().reduce((sum, rows) => sum + rows, 0)).toBe(23)
})

test('an aborted request is rejected at once, and its texts do not run', async () => {
  const { embed, folder, runs } = embedderOn()
  await embed(['how'])
  const controller = new AbortController()
  const waiting = embed(['wait'])
  await expect.poll(runs).toHaveLength(2)
  const aborted = embed(
    Array.from({ length: 30 }, () => 'reset'),
    controller.signal,
  )
  controller.abort(new Error('no longer needed'))
  await expect(aborted).rejects.toThrow('no longer needed')
  await expect(embed(['how'], controller.signal)).rejects.toThrow('no longer needed')
  writeFileSync(join(folder, 'onnx/model.onnx.go'), '')
  expect(await waiting).toHaveLength(1)
  await embed(['refund'])
  expect(runs()).toEqual([1, 1, 1])
})

test('a signal that aborts while the model loads rejects the request, and the next one is answered', async () => {
  const { embed } = embedderOn()
  const controller = new AbortController()
  const aborted = embed(['how'], controller.signal)
  controller.abort(new Error('too slow'))
  await expect(aborted).rejects.toThrow('too slow')
  expect(await embed(['how'])).toHaveLength(1)
})

test('after close, pending and later requests are rejected', async () => {
  const { embed, close, runs } = embedderOn()
  await embed(['how'])
  const waiting = expect(embed(['wait'])).rejects.toThrow('has ended')
  await expect.poll(runs).toHaveLength(2)
  await close()
  await waiting
  await expect(embed(['how'])).rejects.toThrow('closed')
})

test('requests of a thread that ends are rejected', async () => {
  const { embed } = embedderOn()
  await expect(embed(['crash'])).rejects.toThrow('has ended')
  await expect(embed(['how'])).rejects.toThrow('has ended')
})

test('where packages are not installed, the error says how to install them', async () => {
  const { embed } = embedderOn({ installed: false })
  await expect(embed(['how'])).rejects.toMatchObject({
    name: 'OnnxEmbedderMissing',
    message: expect.stringContaining('npm install @huggingface/tokenizers@0.2.0 onnxruntime-node@1.30.0'),
  })
})

test('where native code does not load, the WebAssembly runtime computes', async () => {
  const broken = 'throw new Error("libonnxruntime.so: invalid ELF header")'
  const { embed } = embedderOn({ runtime: broken, web: true })
  expect(await embed(['how'])).toHaveLength(1)
  await expect(embedderOn({ runtime: broken }).embed(['how'])).rejects.toThrow('invalid ELF header')
})

test('a file that is no model is rejected with the reason', async () => {
  await expect(embedderOn({ model: 'broken' }).embed(['how'])).rejects.toThrow('not a model')
})

test('weights of another model are recognised by the cosine of two texts', async () => {
  const { embed } = embedderOn()
  const [one = new Float32Array(), two = new Float32Array()] = await embed(['reset', 'refund'])
  const cosine = one.reduce((sum, value, at) => sum + value * (two[at] ?? 0), 0)
  const model = { ...MODEL, check: { texts: ['reset', 'refund'] as const, cosine } }
  expect(await embedderOn({}, { model }).embed(['how'])).toHaveLength(1)
  await expect(embedderOn({ model: 'other' }, { model }).embed(['how'])).rejects.toThrow('another model')
})

test('the id names the bytes of the files and the length of vectors', () => {
  const ids = [
    embedderOn(),
    embedderOn(),
    embedderOn({ model: 'retrained' }),
    embedderOn({}, { dimensions: 2 }),
  ].map(({ id }) => id)
  expect(ids[0]).toMatch(/^fake\/4\/[0-9a-f]{16}$/)
  expect(ids[1]).toBe(ids[0])
  expect(new Set(ids).size).toBe(3)
})

test('a vector can be cut where the model was trained for it, and has length 1 again', async () => {
  const { embed, dimensions } = embedderOn({}, { dimensions: 2 })
  const [vector] = await embed(['password'])
  expect([vector?.length, dimensions, length(vector)]).toEqual([2, 2, expect.closeTo(1)])
  expect(() => embedderOn({}, { dimensions: 3 })).toThrow(RangeError)
})

test('thresholds measured at full length are not used for cut vectors', () => {
  const calibration = {
    minSimilarity: 0.9,
    minConfidence: 0.7,
    minConsensusSimilarity: 0.6,
    bandwidth: 0.1,
    priorSimilarity: 0.5,
  }
  const model = { ...MODEL, calibration }
  expect(embedderOn({}, { model }).calibration).toBe(calibration)
  expect(embedderOn({}, { model, dimensions: 2 }).calibration).toBeUndefined()
  expect(embedderOn({}, { model, dimensions: 2, calibration }).calibration).toBe(calibration)
})

test('a folder without its files is named when the embedder is created', () => {
  expect(() => createOnnxEmbedder({ folder: '/nowhere' })).toThrow('no model in /nowhere')
  expect(() => createOnnxEmbedder({ model: MODEL })).toThrow('on no hub')
  expect(createOnnxEmbedder().id).toMatch(/^all-minilm-l6-v2\/384\/[0-9a-f]{16}$/)
  expect(MINILM.calibration).toBeDefined()
})

test('a program that only awaits a vector ends by itself', () => {
  const options = fakeFolder()
  folders.push(options.folder)
  const file = fileURLToPath(new URL('./embedder.ts', import.meta.url))
  const script = `import { createOnnxEmbedder } from ${JSON.stringify(file)}
    const [vector] = await createOnnxEmbedder(${JSON.stringify(options)}).embed(['how'])
    console.log(vector.length)`
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script])
  expect(said.toString().trim()).toBe('4')
})
