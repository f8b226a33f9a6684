import type { Finding } from '../finding.ts'
import type { Instruction } from './parse.ts'
import type { Report } from './report.ts'

/** Every base image is one version and one digest; the digest comes from an argument without a default, or is written. */
export function baseFindings(instructions: Instruction[], report: Report): Finding[] {
  const stages = new Set<string>()
  const first = instructions.findIndex(({ name }) => name === 'FROM')
  const args = new Map(
    instructions
      .slice(0, Math.max(first, 0))
      .filter(({ name }) => name === 'ARG')
      .map((found) => [found.value.split('=')[0] ?? '', found] as const),
  )
  if (first === -1)
    return [report({ line: 1 }, 'docker-syntax', 'there is no FROM', 'FROM image:version@digest')]
  return instructions
    .filter(({ name }) => name === 'FROM')
    .flatMap((found) => {
      const [image = '', , stage] = found.value.split(/\s+/)
      const isStage = stages.has(image)
      if (stage !== undefined) stages.add(stage)
      if (isStage) return []
      const [, tag, digest] = /^[^:@]+(?::([^@]+))?(?:@(.+))?$/.exec(image) ?? []
      const argument = /^\$\{(\w+)\}$/.exec(digest ?? '')?.[1]
      const declared = argument === undefined ? undefined : args.get(argument)
      return [
        ...(tag === undefined || tag === 'latest' || !/\d/.test(tag)
          ? [report(found, 'docker-base', `${image} names no version`, 'image:version@digest')]
          : []),
        ...(declared === undefined && !/^sha256:[0-9a-f]{64}$/.test(digest ?? '')
          ? [
              report(
                found,
                'docker-base',
                `${image} is not pinned by a digest`,
                `ARG NAME before the first FROM, and @\${NAME} behind the version.`,
              ),
            ]
          : []),
        ...(declared?.value.includes('=') === true
          ? [report(declared, 'docker-base', 'the digest has a default, which grows old', 'ARG NAME alone.')]
          : []),
      ]
    })
}
