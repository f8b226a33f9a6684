import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ModelFiles } from './files.ts'
import type { HubFile, OnnxModel } from './model.ts'

/** Longest download of one file, in milliseconds. */
const DOWNLOAD_MS = 600_000

export type HubOptions = {
  /** Folder for downloaded models. @default `.cache/hotdash-llm-gateway` in the home directory */
  cacheFolder?: string
  /** Origin of the hub or of a mirror. @default 'https://huggingface.co' */
  origin?: string
}

/**
 * Downloads what is missing of a model. A file appears in the folder when its digest is right, so that several processes
 * can share the folder and none sees half a file.
 * @throws Error if a file cannot be had, or has other bytes.
 */
export async function download(
  { repository, revision, model, tokenizer }: NonNullable<OnnxModel['hub']>,
  {
    cacheFolder = join(homedir(), '.cache', 'hotdash-llm-gateway'),
    origin = 'https://huggingface.co',
  }: HubOptions,
): Promise<ModelFiles> {
  const folder = join(cacheFolder, repository, revision)
  const local = async (file: HubFile) => {
    const path = join(folder, file.path)
    if (!existsSync(path))
      await fetchFile(`${origin}/${repository}/resolve/${revision}/${file.path}`, file, path)
    return path
  }
  return { model: await local(model), tokenizer: await local(tokenizer) }
}

async function fetchFile(url: string, { sha256, bytes }: HubFile, path: string): Promise<void> {
  const response = await globalThis.fetch(url, {
    redirect: 'follow',
    signal: AbortSignal.timeout(DOWNLOAD_MS),
  })
  if (!response.ok || response.body === null)
    throw new Error(`${url} answered with status ${response.status}`)
  await mkdir(dirname(path), { recursive: true })
  const partial = `${path}.${randomUUID()}`
  try {
    const hash = createHash('sha256')
    const file = await open(partial, 'w')
    try {
      let received = 0
      for await (const chunk of response.body) {
        received += chunk.byteLength
        if (received > bytes) throw new Error(`${url} is longer than ${bytes} bytes`)
        hash.update(chunk)
        await file.write(chunk)
      }
    } finally {
      await file.close()
    }
    const digest = hash.digest('hex')
    if (digest !== sha256) throw new Error(`${url} has the SHA-256 ${digest}, not ${sha256}`)
    await rename(partial, path)
  } finally {
    await rm(partial, { force: true })
  }
}
