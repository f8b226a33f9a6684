/** An error code, as the pages explain it. */
export type Explained = {
  code: string
  /** HTTP status, or level of the log. */
  kind: string
  /** First sentence of what happened. */
  summary: string
  /** The whole section, without its heading. */
  text: string
}

/** Reads the sections of `docs/errors.md`, and the rows of `docs/logs.md`. Links become their words. */
export function explainedIn(errors: string, logs: string): Explained[] {
  const sections = [...errors.matchAll(/^### `(\w+)`\n\n(.*?)(?=\n##|(?![\s\S]))/gms)].map(
    ([, code = '', body = '']) => {
      const text = plain(body.trim())
      const [head = '', what = ''] = text.split('\n\n')
      return { code, kind: /HTTP \d+/.exec(head)?.[0] ?? 'thrown', summary: firstSentence(what), text }
    },
  )
  const rows = [...logs.matchAll(/^\| `(GW_\w+)` \| (\w+) \| (.+?) \| (.+) \|$/gm)].map(
    ([, code = '', level = '', explanation = '', remedy = '']) => ({
      code,
      kind: `log, ${level}`,
      summary: firstSentence(plain(explanation)),
      text: `Log message, level ${level}.\n\n${plain(explanation)}\n\n- Do: ${plain(remedy)}`,
    }),
  )
  return [...sections, ...rows]
}

const plain = (text: string) => text.replace(/\[([^\]]+)\]\([^)]+\)/g, '$1').replaceAll('**', '')

/** Returns what a text says up to the first full stop, in one line. */
const firstSentence = (text: string) => (/^.*?\.(?=\s|$)/s.exec(text)?.[0] ?? text).replaceAll('\n', ' ')
