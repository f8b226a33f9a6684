/** Runs the numbered examples one after another. Exits with 1 if one of them fails. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'

const folder = import.meta.dirname
const examples = (await readdir(folder)).filter((name) => /^\d\d-.*\.ts$/.test(name)).sort()
const TIMEOUT_MS = 30_000

async function run(name: string): Promise<{ failure: string | undefined; output: string }> {
  const child = spawn(process.execPath, [`${folder}/${name}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { output, failure: code === 0 ? undefined : `exit ${code ?? signal}` }
}

let failed = 0
for (const [at, name] of examples.entries()) {
  const start = performance.now()
  const { failure, output } = await run(name)
  const seconds = ((performance.now() - start) / 1_000).toFixed(1)
  console.log(`[${at + 1}/${examples.length}] ${failure ?? 'ok'}  ${name}  ${seconds} s`)
  if (failure === undefined) continue
  failed += 1
  console.log(output.replace(/^/gm, '    '))
}
console.log(`${examples.length - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 || examples.length === 0 ? 1 : 0
