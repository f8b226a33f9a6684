/** An answer of the stand-in: JSON, or plain text. */
export type HttpAnswer = { status: number; json: unknown } | { status: number; text: string }
