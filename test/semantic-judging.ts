/** What a judge is shown: answers with the questions they were given to, the new answer last. */
export type Shown = { answers_given: { question: string; answer: string }[]; asked_now: string }

type Asked = { body: unknown; text: string }

/** Returns what a judge is shown by a request; `undefined` for any other request. */
export function shownIn({ body }: Asked): Shown | undefined {
  const { messages = [] } = body as { messages?: { content?: unknown }[] }
  const said = messages.at(-1)?.content
  return typeof said === 'string' && said.includes('"asked_now"') ? (JSON.parse(said) as Shown) : undefined
}

/** An upstream whose judge says the same of every cached answer, and YES to the new one; other answers are its own. */
export const judging = (verdict: string) => ({
  answer(asked: Asked) {
    const shown = shownIn(asked)
    if (shown === undefined) return { text: `We ship to all of Europe: ${asked.text.length}` }
    return {
      text: shown.answers_given
        .map(({ question }) => (question === shown.asked_now ? 'YES' : verdict))
        .join(' '),
    }
  },
})
