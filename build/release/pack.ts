import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { npm, run } from './npm.ts'
import type { Package } from './packages.ts'

/** A package as it would be published. Sizes in bytes. */
export type Packed = {
  name: string
  version: string
  tarball: string
  /** Folder with the tarball's content. */
  unpacked: string
  /** File for its bill of materials. */
  sbom: string
  size: number
  unpackedSize: number
  files: number
}

type NpmPack = { filename: string; size: number; unpackedSize: number; entryCount: number }

/** Packs a built package into a folder. @throws Error (rejects) with npm's message */
export async function pack({ folder, manifest }: Package, out: string): Promise<Packed> {
  const { name, version } = manifest
  const packed = await npm(['pack', '--json', '--ignore-scripts', `--pack-destination=${out}`], {
    cwd: folder,
  })
  if (packed.code !== 0) throw new Error(`npm pack of ${name} failed:\n${packed.err}`)
  const [first] = Object.values(JSON.parse(packed.out) as NpmPack[] | Record<string, NpmPack>)
  if (first === undefined) throw new Error(`npm pack of ${name} named no file`)
  const stem = `${name.replace('@', '').replace('/', '-')}-${version}`
  const tarball = join(out, `${stem}.tgz`)
  const unpacked = join(out, stem)
  mkdirSync(unpacked, { recursive: true })
  const untar = await run('tar', ['-xzf', tarball, '-C', unpacked, '--strip-components=1'], { cwd: out })
  if (untar.code !== 0) throw new Error(`tar cannot read ${tarball}:\n${untar.err}`)
  return {
    name,
    version,
    tarball,
    unpacked,
    sbom: join(out, `${stem}.cdx.json`),
    size: first.size,
    unpackedSize: first.unpackedSize,
    files: first.entryCount,
  }
}
