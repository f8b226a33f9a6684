import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createOnnxEmbedder } from './embedder.ts'
import { fakeFolder, MODEL, tokenizerJson } from './fake-packages.ts'
import { download } from './hub.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  closing.push(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'hub-'))
  closing.push(() => rmSync(path, { recursive: true }))
  return path
}

const filesBelow = (path: string) =>
  readdirSync(path, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [entry.name] : [],
  )
const file = (path: string, text: string) => ({
  path,
  sha256: createHash('sha256').update(text).digest('hex'),
  bytes: Buffer.byteLength(text),
})
const hub = {
  repository: 'some/model',
  revision: 'abc',
  model: file('onnx/model.onnx', 'weights'),
  tokenizer: file('tokenizer.json', tokenizerJson()),
}
const texts: Record<string, string> = {
  '/some/model/resolve/abc/onnx/model.onnx': 'weights',
  '/some/model/resolve/abc/tokenizer.json': tokenizerJson(),
}

test('a model is downloaded with the first text, once, and found in its folder afterwards', async () => {
  const paths: string[] = []
  const origin = await serve((request, response) => {
    paths.push(request.url ?? '')
    response.end(texts[request.url ?? ''])
  })
  const cacheFolder = folder()
  const { packagesFrom } = fakeFolder()
  closing.push(() => rmSync(packagesFrom, { recursive: true }))
  for (let run = 0; run < 2; run += 1) {
    const embedder = createOnnxEmbedder({
      model: { ...MODEL, hub },
      packagesFrom,
      hub: { cacheFolder, origin },
    })
    expect(paths).toHaveLength(run * 2)
    expect(await embedder.embed(['how', 'reset'])).toHaveLength(2)
    await embedder.close()
  }
  expect(paths.toSorted()).toEqual(Object.keys(texts).toSorted())
})

test('other bytes than the published ones are refused, and nothing of them stays', async () => {
  const cacheFolder = folder()
  for (const [text, reason] of [
    ['weightz', 'SHA-256'],
    ['weights and more', 'longer than 7 bytes'],
    ['', 'SHA-256'],
  ] as const) {
    const origin = await serve((_, response) => response.end(text))
    await expect(download(hub, { cacheFolder, origin })).rejects.toThrow(reason)
  }
  const origin = await serve((_, response) => {
    response.writeHead(404).end('not here')
  })
  await expect(download(hub, { cacheFolder, origin })).rejects.toThrow('status 404')
  expect(filesBelow(cacheFolder)).toEqual([])
})

test('a download that breaks off leaves no half of a file', async () => {
  const cacheFolder = folder()
  const origin = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '7' })
    response.write('wei', () => response.destroy())
  })
  await expect(download(hub, { cacheFolder, origin })).rejects.toThrow()
  expect(filesBelow(cacheFolder)).toEqual([])
})

test('several processes can download into one folder', async () => {
  const origin = await serve((request, response) => response.end(texts[request.url ?? '']))
  const cacheFolder = folder()
  const found = await Promise.all([1, 2, 3].map(() => download(hub, { cacheFolder, origin })))
  for (const { model } of found) expect(readFileSync(model, 'utf8')).toBe('weights')
  expect(filesBelow(cacheFolder).toSorted()).toEqual(['model.onnx', 'tokenizer.json'])
})
