import type { GatewayProcess, PolicyStore, Presence } from '@hotdash/llm-gateway/policy'
import { counted, printable } from '../cli/format.ts'
import { printJson, printLine, printStyledNote } from '../cli/output.ts'
import { type Style, styleFor } from '../cli/style.ts'
import { stateLines } from '../live-policy/render.ts'

/** Shows what is live, and which processes follow it. Returns 1 where what is live is broken. */
export async function status(store: PolicyStore, json: boolean): Promise<number> {
  const state = await store.read()
  const presence = await store.processes()
  const processes = presence.processes.toSorted((one, other) => one.startedAt - other.startedAt)
  const exitCode = state.broken === undefined ? 0 : 1
  if (json) {
    printJson({ version: state.version, broken: state.broken, asked: presence.asked, processes })
    return exitCode
  }
  printStyledNote(stateLines(state, styleFor(process.stderr)))
  const style = styleFor(process.stdout)
  if (processes.length > 0) for (const line of table(processes, state.version, style)) printLine(line)
  printLine(summary(presence, state.version))
  return exitCode
}

const COLUMNS = ['PROCESS', 'GATEWAY', 'NODE', 'AGENT', 'POLICY', 'FROM', 'RUNNING']

function table(processes: GatewayProcess[], version: number, style: Style): string[] {
  const rows = processes.map((each) => [
    `${each.host}:${each.pid}`,
    each.gateway,
    each.node,
    each.agent ?? '-',
    policyOf(each, version),
    each.source,
    durationOf(Date.now() - each.startedAt),
  ])
  const widths = COLUMNS.map((name, at) => Math.max(name.length, ...rows.map((row) => row[at]?.length ?? 0)))
  const line = (cells: string[]) =>
    cells
      .map((cell, at) => printable(cell).padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd()
  return [
    style('bold', line(COLUMNS)),
    ...rows.flatMap((row, at) => {
      const { refused } = processes[at] ?? {}
      return refused === undefined
        ? [line(row)]
        : [line(row), style('red', `  ignores version ${refused.version}: ${printable(refused.why)}`)]
    }),
  ]
}

/** Names the policy's version that a process follows, and whether it is another than Redis has. */
function policyOf({ version: followed }: GatewayProcess, version: number): string {
  const name = followed === 0 ? 'own' : String(followed)
  return followed === version ? name : `${name} (behind)`
}

function summary({ asked, processes }: Presence, version: number): string {
  const current = processes.filter((each) => each.version === version).length
  const silent = Math.max(0, asked - processes.length)
  const there = `${counted(processes.length, 'gateway')}, ${current} at the version in Redis.`
  return silent === 0
    ? there
    : `${there} ${counted(silent, 'more listener')} did not answer: an older version, or Redis forbids it to publish.`
}

function durationOf(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return `${Math.max(0, Math.floor(ms / 1_000))} s`
  if (minutes < 120) return `${minutes} min`
  return minutes < 2_880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1_440)} d`
}
