import { deepEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../platforms/lab.ts'
import { agentEnv, type World } from '../platforms/platform.ts'

/** Versions in one app. */
export type Versions = { openai: string; zod: string; ioredis: string; typescript: string }

/**
 * The oldest and the newest supported version of each major version, with zod 3 and 4 where `openai` takes both (6.0.0 has
 * types for zod 3 only). The newest of each kind go together in one app, and so do the oldest.
 */
export const MATRIX: (Versions & { isQuick?: true })[] = [
  { openai: '5.0.0', zod: '3.25.76', ioredis: '5.3.0', typescript: '5.9.3', isQuick: true },
  { openai: '5.23.2', zod: '3.25.76', ioredis: '6.0.0', typescript: '6.0.3' },
  { openai: '6.0.0', zod: '3.25.76', ioredis: '5.11.1', typescript: '5.9.3' },
  { openai: '6.49.0', zod: '3.25.76', ioredis: '6.0.0', typescript: '7.0.2' },
  { openai: '6.49.0', zod: '4.6.7', ioredis: '5.3.0', typescript: '6.0.3' },
  { openai: '7.0.0', zod: '3.25.76', ioredis: '5.3.0', typescript: '7.0.2' },
  { openai: '7.0.0', zod: '4.0.0', ioredis: '6.0.0', typescript: '5.9.3' },
  { openai: '7.59.0', zod: '3.25.76', ioredis: '5.11.1', typescript: '6.0.3' },
  { openai: '7.59.0', zod: '4.6.7', ioredis: '6.0.0', typescript: '7.0.2', isQuick: true },
]

export const APP = fileURLToPath(new URL('fixtures/app.ts', import.meta.url))

const EXPECTED = {
  isClient: true,
  hit: 'exact',
  streamedHit: true,
  city: 'string',
  refused: 'gateway_rpm_exceeded',
  version: 0,
  records: 'miss exact exact miss miss miss',
  closed: true,
}

type Build = {
  name: string
  folder: string
  type: 'module' | 'commonjs'
  compilerOptions: Record<string, unknown>
  /** Program and arguments that make `out/app.js` where tsc makes none. */
  bundle?: string[]
}

const COMMON = { target: 'es2022', strict: true, esModuleInterop: true, types: ['node'], skipLibCheck: true }
const NODE_NEXT = { ...COMMON, module: 'nodenext', moduleResolution: 'nodenext', outDir: 'out' }

export const BUILDS: Build[] = [
  { name: 'ES modules, NodeNext', folder: 'esm', type: 'module', compilerOptions: NODE_NEXT },
  { name: 'CommonJS, NodeNext', folder: 'cjs', type: 'commonjs', compilerOptions: NODE_NEXT },
  {
    name: 'ES modules, bundler',
    folder: 'bundled',
    type: 'module',
    compilerOptions: { ...COMMON, module: 'preserve', moduleResolution: 'bundler', noEmit: true },
    bundle: [
      'app.ts',
      '--bundle',
      '--platform=node',
      '--format=esm',
      '--packages=external',
      '--outfile=out/app.js',
    ],
  },
]

/** Compiles the app in the strict mode of TypeScript, and runs it. @throws if its types or its answers are wrong */
export async function buildAndRun(lab: Lab, world: World, build: Build): Promise<void> {
  const { folder, type, compilerOptions, bundle } = build
  lab.write(`${folder}/package.json`, JSON.stringify({ type }))
  lab.write(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, files: ['app.ts'] }))
  lab.write(`${folder}/app.ts`, readFileSync(APP, 'utf8'))
  const cwd = `${lab.folder}/${folder}`
  const compiled = await lab.run('tsc', ['-p', '.'], { cwd })
  if (compiled.code !== 0) throw new Error(`tsc: ${compiled.out}${compiled.err}`)
  if (bundle !== undefined) {
    const bundled = await lab.run('esbuild', [...bundle, '--log-level=warning'], { cwd })
    if (bundled.code !== 0) throw new Error(`esbuild: ${bundled.err}`)
  }
  const { code, out, err } = await lab.run('node', ['out/app.js'], { cwd, env: agentEnv(world) })
  const line = out.split('\n').find((each) => each.startsWith('{'))
  if (code !== 0 || line === undefined) throw new Error(`exit code ${code}: ${err.slice(-2_000)}${out}`)
  deepEqual(JSON.parse(line), EXPECTED)
}
