import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { UsageError } from '../core/command.ts'

/** A value of a file, and its place in words, for messages. */
export type Placed = { value: unknown; place: string }

/**
 * Reads a file of JSON lines, with a byte order mark or without; empty lines count, and have no value.
 * @throws UsageError for a line that is not JSON, and the error of reading the file
 */
export async function* jsonLines(path: string): AsyncGenerator<Placed> {
  let number = 0
  for await (const text of createInterface({ input: createReadStream(path) })) {
    number += 1
    const line = number === 1 ? text.replace(/^\ufeff/, '') : text
    if (line.trim() === '') continue
    const place = `${path}, line ${number}`
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      throw new UsageError(`${place}: this is not JSON.`)
    }
    yield { value, place }
  }
}
