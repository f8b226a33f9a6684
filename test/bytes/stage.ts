import { createGatewayClient, type GatewayClient } from '@hotdash/llm-gateway'
import OpenAI from 'openai'

export type Answer = { pieces: readonly Uint8Array[]; type: string }

/** One way of asking a question, and what came of it in a form that does not depend on how it was cut. */
export type Reading = (client: OpenAI, question: string) => Promise<unknown>

/** An answer, and where it stands still: before a piece, until it goes on. */
type Prepared = Answer & {
  holdAt: number
  calls: number
  holds: PromiseWithResolvers<void>
  goesOn: PromiseWithResolvers<void>
}

/**
 * A gateway's client and a bare one at an upstream in memory that answers each question with the pieces it was given for
 * it, and stands still where it is told to.
 */
export function stageOf() {
  const answers = new Map<string, Prepared>()

  async function upstream(_: unknown, init: RequestInit = {}): Promise<Response> {
    const text = String(init.body)
    const answer = [...answers].find(([question]) => text.includes(JSON.stringify(question)))?.[1]
    if (answer === undefined) throw new Error(`nothing was prepared for ${text}`)
    answer.calls += 1
    let at = 0
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          if (at === answer.holdAt) {
            answer.holds.resolve()
            await answer.goesOn.promise
          }
          const piece = answer.pieces[at]
          at += 1
          if (piece === undefined) controller.close()
          else controller.enqueue(piece)
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body, { headers: { 'content-type': answer.type } })
  }

  const options = {
    baseURL: 'http://upstream.test/v1',
    apiKey: 'k',
    maxRetries: 0,
    logLevel: 'off' as const,
    fetch: upstream,
  }
  const bare = new OpenAI(options)
  const client: GatewayClient = createGatewayClient({ ...options, gateway: { policy: {}, redis: false } })
  let questions = 0

  function prepare(answer: Answer, holdAt = -1) {
    questions += 1
    const question = `question ${questions}`
    const [holds, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const prepared: Prepared = { ...answer, holdAt, calls: 0, holds, goesOn }
    answers.set(question, prepared)
    return { question, prepared, forget: () => answers.delete(question) }
  }

  /** What the bare client makes of an answer. */
  async function expected(answer: Answer, read: Reading) {
    const { question, forget } = prepare(answer)
    const made = await read(bare, question)
    forget()
    return made
  }

  /** What comes first, and what comes when it is asked for again. `calls`: how often upstream was asked. */
  async function twice(answer: Answer, read: Reading) {
    const { question, prepared, forget } = prepare(answer)
    const miss = await read(client, question)
    await client.gateway.flush()
    const hit = await read(client, question)
    forget()
    return { miss, hit, calls: prepared.calls }
  }

  /** What two make of it, the second of whom comes while upstream stands still before a piece. */
  async function joined(answer: Answer, read: Reading, piece: number, second: Reading = read) {
    const { question, prepared, forget } = prepare(answer, Math.max(0, piece))
    const leading = read(client, question)
    // A reader may have had enough before.
    await Promise.race([prepared.holds.promise, leading])
    const following = second(client, question)
    await new Promise((resolve) => setImmediate(resolve))
    prepared.holdAt = -1
    prepared.goesOn.resolve()
    const [leader, follower] = await Promise.all([leading, following])
    forget()
    return { leader, follower, calls: prepared.calls }
  }

  return { expected, twice, joined }
}
