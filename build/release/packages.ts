import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export type Manifest = {
  name: string
  version: string
  private?: boolean
  description?: string
  license?: string
  homepage?: string
  repository?: { type: string; url: string; directory?: string }
  keywords?: string[]
  types?: string
  scripts?: Record<string, string>
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  publishConfig?: { access?: string; registry?: string }
  workspaces?: string[]
}

export const readManifest = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest

/** A package of the workspace that is published. */
export type Package = { folder: string; manifest: Manifest }

/** Returns the packages that are not private, each after the packages it depends on. */
export function publishedPackages(root: string): Package[] {
  const all = (readManifest(root).workspaces ?? [])
    .map((name) => ({ folder: join(root, name), manifest: readManifest(join(root, name)) }))
    .filter(({ manifest }) => manifest.private !== true)
  const sorted: Package[] = []
  while (sorted.length < all.length) {
    const next = all.find(
      (each) => !sorted.includes(each) && dependenciesIn(each, all).every((other) => sorted.includes(other)),
    )
    if (next === undefined) throw new Error('The packages depend on each other in a circle.')
    sorted.push(next)
  }
  return sorted
}

const dependenciesIn = ({ manifest }: Package, all: Package[]) =>
  all.filter(({ manifest: { name } }) => name in (manifest.dependencies ?? {}))
