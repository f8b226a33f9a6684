import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasProgram } from '../../packages/infra/check/debian.ts'
import { helpWords } from '../../packages/ops/src/cli/help-words.ts'
import { commands } from '../../packages/ops/src/commands.ts'
import { llmGateway } from '../command.ts'

// Installing a shell takes a while.
const hasZsh = hasProgram('zsh')
const hasFish = hasProgram('fish')
const folder = mkdtempSync(join(tmpdir(), 'completion-'))
const scripts = { bash: join(folder, 'bash'), zsh: join(folder, '_llm-gateway'), fish: join(folder, 'fish') }

beforeAll(async () => {
  for (const [shell, path] of Object.entries(scripts)) {
    const { code, out, err } = await llmGateway(['completion', shell], {})
    expect({ code, err }).toEqual({ code: 0, err: '' })
    writeFileSync(path, out)
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(program: string, args: string[]): string {
  const { stdout, stderr, status } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 100_000,
    cwd: folder,
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

const names = Object.keys(commands)
const wordsOf = async (name: string) => helpWords((await commands[name]?.())?.help ?? '')

describe('bash', () => {
  /** The words offered for the last one of these, as readline asks for them. */
  function offers(...words: string[]): string[] {
    const quoted = words.map((word) => `'${word}'`).join(' ')
    const out = run('bash', [
      '--norc',
      '-uc',
      `source "${scripts.bash}"; complete -p llm-gateway >&3; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}
       _llm_gateway 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`.replace('>&3', '>/dev/null'),
    ])
    return out.split('\n').filter(Boolean)
  }

  test('every command of the table is offered, and no other', () => {
    expect(offers('llm-gateway', '').toSorted()).toEqual(['--help', '--version', ...names].toSorted())
  })

  test.each(names)('%s: its subcommands and options are those of its help', async (name) => {
    const { subcommands, options } = await wordsOf(name)
    expect(offers('llm-gateway', name, '')).toEqual(subcommands.map((one) => one.name))
    expect(offers('llm-gateway', name, '--').toSorted()).toEqual(
      [...new Set([...options.map((one) => one.name), '--help'])].toSorted(),
    )
  })

  test.each([
    [
      ['litellm-config', '--auth', ''],
      ['database', 'file'],
    ],
    [['litellm-config', '--auth', '=', 'f'], ['file']],
    [['policy', 'ro'], ['rollback']],
    [['policy', 'push', '--dr'], ['--dry-run']],
    [['help', 'silen'], ['silence']],
    [['monitor', '--port', ''], []],
    [['secrets', 'exec', '--app', 'operator', '--', 'llm-gateway', '--'], []],
  ])('%j', (words, offered) => {
    expect(offers('llm-gateway', ...words)).toEqual(offered)
  })

  test('an interactive shell completes a typed word', () => {
    const out = run('bash', [
      '--norc',
      '-c',
      `printf '%s\\n' 'source "${scripts.bash}"' 'echo =; : llm-gateway' 'llm-gateway() { echo "ran $*"; }' $'llm-gateway silen\\tli\\t' exit | TERM=dumb bash --norc -i 2>/dev/null`,
    ])
    expect(out).toContain('ran silence list')
  })
})

test.skipIf(!hasZsh)('zsh completes commands, subcommands, options and values', () => {
  const probe = join(folder, 'probe.zsh')
  writeFileSync(probe, ZSH_PROBE)
  const completed = (typed: string) => run('zsh', ['-f', probe, folder, typed])
  expect(completed('moni')).toContain('ran monitor \n')
  expect(completed('policy hist')).toContain('ran policy history \n')
  expect(completed('silence list --js')).toContain('ran silence list --json \n')
  expect(completed('litellm-config --auth da')).toContain('ran litellm-config --auth database \n')
})

/** An interactive zsh at a terminal, in which one types the words, Tab and Enter. */
const ZSH_PROBE = `zmodload zsh/zpty
zpty shell 'TERM=dumb zsh -f -i'
zpty -w shell "PS1=; fpath=($1 \\$fpath); autoload -Uz compinit; compinit -u -D; bindkey '^I' complete-word; llm-gateway() { printf 'ran '; printf '%s ' \\$*; printf '%s\\n' EN''D; }; echo REA''DY"
zpty -r -m shell ready '*READY*'
zpty -w -n shell "llm-gateway $2"$'\\t\\n'
zpty -r -m shell out '*END*'
print -r -- "\${\${out//$'\\r'/}//END/
}"
zpty -d shell
`

test.skipIf(!hasFish)('fish completes commands, subcommands, options and values', () => {
  const completed = (typed: string) =>
    run('fish', ['-N', '-c', `source ${scripts.fish}; complete -C'llm-gateway ${typed}'`])
      .split('\n')
      .flatMap((line) => line.split('\t')[0] || [])
  expect(
    completed('')
      .filter((word) => names.includes(word))
      .toSorted(),
  ).toEqual(names.toSorted())
  expect(completed('moni')).toEqual(['monitor'])
  expect(completed('policy h')).toEqual(['history'])
  expect(completed('silence list --js')).toEqual(['--json'])
  expect(completed('litellm-config --auth ')).toEqual(['database', 'file'])
})

test('an unknown shell is a usage error that names the three', async () => {
  expect(await llmGateway(['completion', 'powershell'], {})).toMatchObject({
    code: 2,
    err: expect.stringContaining('It is one of bash, zsh, fish.'),
  })
})
