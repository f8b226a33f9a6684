import { match } from 'node:assert/strict'
import { join } from 'node:path'
import { AGENT, agentEnv, type Case, expectAgent, GATEWAY, type Platform } from './platform.ts'

/** The package on the registry that holds Node's program for this machine. */
const NODE = `node-${process.platform === 'darwin' && process.arch === 'arm64' ? 'bin-' : ''}${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`

/** Tried with each change; this process runs on another one. `old`: lack something that the gateway needs. */
const QUICK = { supported: ['20.18.0', '24.22.3'], old: ['20.16.0'] }
const MORE = { supported: ['20.20.2', '22.3.0', '22.23.2', '26.10.0'], old: ['18.20.8', '22.2.0'] }

const nameOf = (version: string) => `node-${version}`
const programOf = (folder: string, version: string) =>
  join(folder, 'node_modules', nameOf(version), 'bin/node')

const works = (version: string): Case[] =>
  ['agent.mjs', 'agent.cjs'].map((agent) => ({
    name: `Node ${version}, ${agent.endsWith('.cjs') ? 'CommonJS' : 'ES modules'}`,
    async run({ folder, run }, world) {
      return expectAgent(await run(programOf(folder, version), [agent], { env: agentEnv(world) }))
    },
  }))

const refused = (version: string): Case => ({
  name: `Node ${version} is refused by name, and nothing is sent`,
  async run({ folder, run }) {
    const { out } = await run(programOf(folder, version), ['refused.cjs'])
    match(
      out,
      new RegExp(
        `^gateway_unsupported_runtime .*needs Node 20\\.18 or 22\\.3.*is Node ${version}\\. More: .*#gateway_unsupported_runtime\\nsent 0\\n$`,
      ),
    )
    return 'refused'
  },
})

const platform = (name: string, { supported, old }: typeof QUICK): Platform => ({
  name,
  versions: 'Node',
  packages: {
    ...GATEWAY,
    ...Object.fromEntries(
      [...supported, ...old].map((version) => [nameOf(version), `npm:${NODE}@${version}`]),
    ),
  },
  fixtures: [...AGENT, 'refused.cjs'],
  cases: [...supported.flatMap(works), ...old.map(refused)],
})

export const node: Platform[] = [{ ...platform('node', QUICK), isQuick: true }, platform('node-more', MORE)]
