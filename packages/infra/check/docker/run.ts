import type { Finding } from '../finding.ts'
import type { Instruction } from './parse.ts'
import type { Report } from './report.ts'

/** Commands of a RUN instruction that leave things behind, or that give another image each time. */
export function runFindings(found: Instruction, report: Report): Finding[] {
  const { value } = found
  const findings: Finding[] = []
  const add = (isWrong: boolean, rule: string, problem: string, fix: string) => {
    if (isWrong) findings.push(report(found, rule, problem, fix))
  }
  const installs = /apt-get\s+(?:-\S+\s+)*install/.test(value)
  add(/(^|[;&|]\s*)apt\s/.test(value), 'docker-apt', 'apt is for people', 'apt-get')
  add(
    installs && !/\s(-y|--yes|-qy|-yq)\b/.test(value),
    'docker-apt',
    'apt-get install asks a question',
    '-y',
  )
  add(
    installs && !value.includes('--no-install-recommends'),
    'docker-apt',
    'apt-get install takes recommended packages',
    '--no-install-recommends',
  )
  add(
    installs && !/apt-get\s+(?:-\S+\s+)*update\s*&&/.test(value),
    'docker-apt',
    'apt-get install uses the lists of an older layer',
    'apt-get update && apt-get install, in one RUN.',
  )
  add(
    installs && !/rm\s+-rf\s+\/var\/lib\/apt\/lists/.test(value),
    'docker-apt',
    'the package lists stay in the image',
    '&& rm -rf /var/lib/apt/lists/*',
  )
  add(/\bsudo\b/.test(value), 'docker-user', 'sudo in a build', 'USER, after what needs root.')
  add(
    /\b(curl|wget)\b.*\|\s*(ba|z)?sh\b/.test(value),
    'docker-pipe',
    'a download is run unread',
    'COPY, or a package.',
  )
  add(/(^|[;&]\s*)cd\s/.test(value), 'docker-workdir', 'cd holds for this RUN only', 'WORKDIR')
  add(
    /\bpip3?\s+install\b/.test(value) && !value.includes('--no-cache-dir'),
    'docker-pip',
    "pip's cache stays in the image",
    '--no-cache-dir',
  )
  for (const [, list = ''] of value.matchAll(/\bpip3?\s+install\s+([^&;|]*)/g))
    for (const requirement of list.split(/\s+/).filter((word) => word !== '' && !word.startsWith('-')))
      add(
        !/^"?[\w[\],.-]+==\d/.test(requirement),
        'docker-pip',
        `${requirement} is of any version`,
        `"name==version"`,
      )
  const npmInstalls = /\bnpm\s+(install|i|ci)\b/.test(value)
  add(
    npmInstalls && !value.includes('--omit=dev'),
    'docker-npm',
    'development packages are installed',
    '--omit=dev',
  )
  add(
    npmInstalls && !value.includes('npm cache clean'),
    'docker-npm',
    "npm's cache stays in the image",
    '&& npm cache clean --force',
  )
  add(
    /\bnpm\s+(install|i)\s+(-g|--global)\b/.test(value),
    'docker-npm',
    'a global package has no lock',
    'package.json',
  )
  return findings
}
