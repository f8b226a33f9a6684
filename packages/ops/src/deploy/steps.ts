/** A command, as the runbook has it. `byHand`: a person does it, or only in some cases. */
export type PlannedCommand = { command: string; byHand: boolean }

export type PlannedStep = {
  /** Heading of the runbook without its number. */
  title: string
  /** The first paragraph: what the step is about. */
  purpose: string
  commands: PlannedCommand[]
}

/** Reads the numbered steps out of a runbook: `## 1. Title`, with `sh` blocks to run and `text` blocks for some cases. */
export function stepsIn(page: string): PlannedStep[] {
  const [, ...sections] = page.split(/^## (?=\d+\. )/m)
  return sections.map((section) => stepOf(section.split(/^## /m, 1)[0] ?? ''))
}

/** Reads one section of a page, e.g. `Current, step by step`. `undefined`: the page has none of that title. */
export function sectionIn(page: string, title: string): PlannedStep | undefined {
  const section = page.split(/^## /m).find((one) => one.startsWith(`${title}\n`))
  return section === undefined ? undefined : stepOf(section)
}

function stepOf(section: string): PlannedStep {
  const [heading = '', ...lines] = section.split('\n')
  const text = lines.join('\n')
  const purpose = text.trim().split('\n\n', 1)[0] ?? ''
  const commands = [...text.matchAll(/^```(sh|text)\n(.*?)^```/gms)].flatMap(([, kind, block = '']) =>
    block
      .trim()
      .split('\n')
      .map((command) => ({ command, byHand: kind === 'text' })),
  )
  return {
    title: heading.replace(/^\d+\. /, ''),
    purpose: purpose.startsWith('```')
      ? ''
      : purpose.replaceAll('\n', ' ').replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1'),
    commands,
  }
}
