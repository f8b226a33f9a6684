import { connect, type Socket } from 'node:net'
import { EACH, NUMBER, PROCESS, type Step } from './commands.ts'

/** `perSecond` absent: each connection sends the next step when it has the reply to the last. */
export type Order = {
  port: number
  connections: number
  steps: (Step & { weight: number })[]
  perSecond?: number
  /** Largest number of steps. @default as many as there is time for */
  most?: number
  ms: number
}

export type Done = {
  steps: number
  ms: number
  errors: number
  error?: string
  bytesIn: number
  p50: number
  p99: number
}

type Encoded = { bytes: Buffer; each: number[]; process: number[]; number: number[] }

/** Sends steps over many connections, of which each waits for its replies as a process does. */
export async function run({
  port,
  connections,
  steps,
  perSecond,
  most = Number.POSITIVE_INFINITY,
  ms,
}: Order): Promise<Done> {
  const total = steps.reduce((sum, { weight }) => sum + weight, 0)
  const done: Done = { steps: 0, ms: 0, errors: 0, bytesIn: 0, p50: 0, p99: 0 }
  const took: number[] = []
  const encoded = steps.map(({ commands, weight }) => ({ weight, commands: commands.map(encode) }))
  const members = await Promise.all(
    Array.from({ length: connections }, async (_, at) => await member(port, at)),
  )
  const idle = [...members]
  let issued = 0
  const start = performance.now()
  const ends = start + ms

  const choose = () => {
    let at = Math.random() * total
    for (const one of encoded) {
      at -= one.weight
      if (at < 0) return one.commands
    }
    return encoded[0]?.commands ?? []
  }

  async function step(one: Member) {
    const begun = performance.now()
    one.each += 1
    for (const command of choose()) {
      const reply = await one.ask(command)
      done.bytesIn += reply.length
      if (reply[0] === 0x2d) {
        done.errors += 1
        done.error ??= reply.toString('latin1', 0, 200)
      }
    }
    done.steps += 1
    if (took.length < 100_000) took.push(performance.now() - begun)
  }

  if (perSecond === undefined)
    await Promise.all(
      members.map(async (one) => {
        while (performance.now() < ends && done.steps < most) await step(one)
      }),
    )
  else {
    const running = new Set<Promise<void>>()
    while (performance.now() < ends) {
      const due = ((performance.now() - start) / 1_000) * perSecond
      while (issued < due && idle.length > 0) {
        const one = idle.shift() as Member
        issued += 1
        const work = step(one).then(() => {
          idle.push(one)
          running.delete(work)
        })
        running.add(work)
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await Promise.all(running)
  }
  done.ms = performance.now() - start
  took.sort((one, other) => one - other)
  done.p50 = took[Math.floor(took.length / 2)] ?? 0
  done.p99 = took[Math.floor(took.length * 0.99)] ?? 0
  for (const { socket } of members) socket.destroy()
  return done
}

type Member = Awaited<ReturnType<typeof member>>

let serial = Math.floor(Math.random() * 0xff_ff_ff)

async function member(port: number, at: number) {
  const socket: Socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  serial += 1
  const name = `p${(serial % 0xff_ff_ff).toString(16).padStart(6, '0')}${String(at % 100).padStart(2, '0')}`
  let held: Buffer = Buffer.alloc(0)
  let waiting: ((reply: Buffer) => void) | undefined
  socket.on('data', (some: Buffer) => {
    held = held.length === 0 ? some : Buffer.concat([held, some])
    if (endOf(held, 0) !== held.length) return
    const reply = held
    held = Buffer.alloc(0)
    waiting?.(reply)
  })
  const it = {
    socket,
    each: 0,
    number: 0,
    ask(command: Encoded): Promise<Buffer> {
      const { bytes } = command
      const name16 = `${name}${it.each.toString(16).padStart(8, '0')}`
      for (const place of command.each) bytes.write(name16, place, 'latin1')
      for (const place of command.process) bytes.write(name, place, 'latin1')
      if (command.number.length > 0) it.number += 1
      for (const place of command.number) bytes.write(String(1_000_000 + it.number), place, 'latin1')
      return new Promise((resolve) => {
        waiting = resolve
        // A copy: the template is written over before the socket has taken it.
        socket.write(Buffer.from(bytes))
      })
    },
  }
  return it
}

function encode(command: string[]): Encoded {
  const text = `*${command.length}\r\n${command.map((each) => `$${each.length}\r\n${each}\r\n`).join('')}`
  return {
    bytes: Buffer.from(text, 'latin1'),
    each: placesOf(text, EACH),
    process: placesOf(text, PROCESS),
    number: placesOf(text, NUMBER),
  }
}

function placesOf(text: string, mark: string): number[] {
  const places: number[] = []
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) places.push(at)
  return places
}

/** Returns where a reply (RESP2) ends; -1 if it is not whole. */
function endOf(reply: Buffer, at: number): number {
  const line = reply.indexOf('\r\n', at, 'latin1')
  if (line < 0) return -1
  const kind = reply[at]
  const size = Number(reply.toString('latin1', at + 1, line))
  if (kind === 0x24) {
    const end = size < 0 ? line + 2 : line + 2 + size + 2
    return end <= reply.length ? end : -1
  }
  if (kind !== 0x2a || size <= 0) return line + 2
  let end = line + 2
  for (let each = 0; each < size; each += 1) {
    end = endOf(reply, end)
    if (end < 0) return -1
  }
  return end
}

process.on('message', (order: Order) => {
  void run(order).then((done) => process.send?.(done))
})
