import { match, notEqual } from 'node:assert/strict'
import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lab } from './lab.ts'
import { AGENT, agentEnv, type Case, expectAgent, GATEWAY, type Platform } from './platform.ts'

type Bundle = { program: string; args: string[]; output: string; run: string }

/** Builds with the bundler's defaults, moves the bundle away from all packages, and runs it there. */
const builds = (name: string, { program, args, output, run: file }: Bundle, isAlone = true): Case => ({
  name,
  async run(lab, world) {
    await built(lab, program, args)
    const folder = isAlone ? movedAway(lab, output) : lab.folder
    return expectAgent(await lab.run('node', [file], { cwd: folder, env: agentEnv(world) }))
  },
})

async function built({ run }: Lab, program: string, args: string[]): Promise<void> {
  const { code, out, err } = await run(program, args)
  if (code !== 0 || /\b(warning|error)s?\b/i.test(`${out}${err}`))
    throw new Error(`exit code ${code}: ${out.slice(-1_500)}${err.slice(-1_500)}`)
}

function movedAway({ folder }: Lab, output: string): string {
  const away = mkdtempSync(join(tmpdir(), 'gateway-bundle-'))
  cpSync(join(folder, output), join(away, output), { recursive: true })
  return away
}

const esbuild = (format: string, output: string): Bundle => ({
  program: 'esbuild',
  args: [
    'agent.mjs',
    '--bundle',
    '--platform=node',
    `--format=${format}`,
    `--outfile=${output}`,
    '--log-level=warning',
  ],
  output,
  run: output,
})

/** CommonJS cannot run in an ES module that esbuild makes: openai is one, ioredis is not. */
const esbuildAlone: Case = {
  name: 'esbuild, one ES module without packages: says that ioredis cannot be loaded',
  async run(lab, world) {
    const bundle = esbuild('esm', 'alone.mjs')
    await built(lab, bundle.program, bundle.args)
    const cwd = movedAway(lab, bundle.output)
    const { err } = await lab.run('node', [bundle.output], {
      cwd,
      env: { ...agentEnv(world), LOG: 'console' },
    })
    match(
      err,
      /GW_PACKAGE_UNUSABLE: the package ioredis cannot be loaded: .*Dynamic require of "\w+" is not supported.*#gateway_package_unusable /,
    )
    notEqual(/Redis is (down|slow)/.test(err), true)
    return 'refused'
  },
}

export const bundlers: Platform = {
  name: 'bundlers',
  versions: 'esbuild 0.28.2, webpack 5.113.0, ncc 0.45.0, rollup 4.68.8, vite 8.4.0',
  isQuick: true,
  packages: {
    ...GATEWAY,
    esbuild: '0.28.2',
    webpack: '5.113.0',
    '@vercel/ncc': '0.45.0',
    rollup: '4.68.8',
    vite: '8.4.0',
    '@rollup/plugin-node-resolve': '16.0.3',
    '@rollup/plugin-commonjs': '29.0.0',
    '@rollup/plugin-json': '6.1.0',
  },
  fixtures: [...AGENT, 'webpack.mjs'],
  cases: [
    builds('esbuild, CommonJS', esbuild('cjs', 'bundle.cjs')),
    builds('esbuild, ES modules beside node_modules', esbuild('esm', 'bundle.mjs'), false),
    esbuildAlone,
    builds('webpack, from ES modules', {
      program: 'node',
      args: ['webpack.mjs', './agent.mjs', 'webpack-esm'],
      output: 'webpack-esm',
      run: 'webpack-esm/main.js',
    }),
    builds('webpack, from CommonJS', {
      program: 'node',
      args: ['webpack.mjs', './agent.cjs', 'webpack-cjs'],
      output: 'webpack-cjs',
      run: 'webpack-cjs/main.js',
    }),
    builds('ncc, CommonJS', {
      program: 'ncc',
      args: ['build', 'agent.cjs', '-o', 'ncc-cjs'],
      output: 'ncc-cjs',
      run: 'ncc-cjs/index.cjs',
    }),
    builds('ncc, ES modules', {
      program: 'ncc',
      args: ['build', 'agent.mjs', '-o', 'ncc-esm'],
      output: 'ncc-esm',
      run: 'ncc-esm/index.mjs',
    }),
    builds(
      'vite, SSR',
      {
        program: 'vite',
        args: ['build', '--ssr', 'agent.mjs', '--outDir', 'vite'],
        output: 'vite',
        run: 'vite/agent.js',
      },
      false,
    ),
    builds('rollup, with its plugins for packages', {
      program: 'rollup',
      args: ['agent.mjs', '-d', 'rollup', '-p', 'node-resolve', '-p', 'commonjs', '-p', 'json', '--silent'],
      output: 'rollup',
      run: 'rollup/agent.js',
    }),
  ],
}
