import fc from 'fast-check'

/** What a function that a program gives may do in place of its work. */
export type Misbehaviour =
  | { type: 'throws' | 'rejects' | 'rejectsLater' | 'answers'; value: () => unknown }
  | { type: 'hangs' }

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable([], {})
  revoke()
  return proxy
}
const trap = (name: string) =>
  Object.defineProperty({}, name, {
    get() {
      throw new Error(`${name} cannot be read`)
    },
  })

/** Makers of values that are hard to look at, to convert or to wait for. */
export const foreign: fc.Arbitrary<() => unknown> = fc.oneof(
  fc
    .constantFrom<unknown[]>(
      undefined,
      null,
      Number.NaN,
      -5,
      1e9,
      2 ** 53,
      0.5,
      '3',
      '',
      true,
      Symbol('s'),
      5n,
    )
    .map((value) => () => value),
  fc.constantFrom<(() => unknown)[]>(
    () => ({ toString: 1 }),
    () => Object.create(null) as unknown,
    revoked,
    () => trap('then'),
    () => trap('message'),
    () => Object.fromEntries([['then', 1]]),
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable that fails is what is tried
      then() {
        throw new Error('then')
      },
    }),
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: as above
      then(_: unknown, reject: (why: unknown) => void) {
        reject(undefined)
      },
    }),
    () => Object.assign(new Error('x'), { name: 'DeliveryError', retryAfterMs: Number.NaN }),
    () => [{ length: 1e9 }],
    () => [new Float32Array(3), new Float32Array(4)],
    () => () => undefined,
    () => new Date(Number.NaN),
    () => new Map([[1, 2]]),
  ),
  fc
    .record(
      {
        retry: fc.constantFrom<unknown[]>([1], { length: 4e9 }, 'abc', [{}], null),
        unsure: fc.constantFrom<unknown[]>([undefined], 7, []),
        rejected: fc.constantFrom<unknown[]>(1e9, -5, Number.NaN, '3', {}, 1, 0),
        spilled: fc.constantFrom<unknown[]>({}, 2, -1, Number.POSITIVE_INFINITY, 0),
        reason: fc.constantFrom<unknown[]>({ toString: 1 }, Symbol('t'), 'no room', 5),
      },
      { requiredKeys: [] },
    )
    .map((value) => () => value),
)

export const misbehaviour: fc.Arbitrary<Misbehaviour> = fc.oneof(
  fc.record({
    type: fc.constantFrom<('throws' | 'rejects' | 'rejectsLater' | 'answers')[]>(
      'throws',
      'rejects',
      'rejectsLater',
      'answers',
    ),
    value: foreign,
  }),
  fc.constant<Misbehaviour>({ type: 'hangs' }),
)

/** A function that does so, or what it should where there is nothing said of it. */
export function acting<Args extends unknown[], T>(
  how: Misbehaviour | undefined,
  well: (...args: Args) => T,
): (...args: Args) => T {
  if (how === undefined) return well
  return () => {
    if (how.type === 'hangs') return new Promise(() => undefined) as T
    if (how.type === 'throws') throw how.value()
    if (how.type === 'answers') return how.value() as T
    return later(how) as T
  }
}

async function later(how: { type: string; value: () => unknown }): Promise<never> {
  if (how.type === 'rejectsLater') await new Promise((resolve) => setTimeout(resolve, 5))
  throw how.value()
}
